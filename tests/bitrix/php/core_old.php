<?php
// A core before D7: $DB prints what went wrong and ends the page, unless it is told to ignore it.
require __DIR__ . '/core_common.php';

class CDatabase
{
    public $db_Error = '';

    public function Query($query, $ignore = false)
    {
        if (isset($GLOBALS['defect'])) {
            throw $GLOBALS['defect'];
        }
        $link = $GLOBALS['link'];
        $result = $link->query($query);
        if ($result === false) {
            $this->db_Error = '(' . $link->errno . ') ' . $link->error;
            if (!$ignore) {
                echo 'MySQL Query Error!';
                die();
            }
        }
        return $result;
    }
}

$DB = new CDatabase();
