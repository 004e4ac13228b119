<?php
// The few of Bitrix's doings that the printed handlers meet, of any core: who listens, and a database that is told of.
mysqli_report(MYSQLI_REPORT_OFF);
$link = mysqli_init();
$link->real_connect(null, 'root', '', getenv('SHOP_SCHEMA'), 0, getenv('SHOP_SOCKET'));
$heard = array();

function AddEventHandler($module, $event, $callback)
{
    $GLOBALS['heard']["$module.$event"][] = $callback;
}

function told($name, &$first, $second = null)
{
    foreach (isset($GLOBALS['heard'][$name]) ? $GLOBALS['heard'][$name] : array() as $callback) {
        call_user_func_array($callback, array(&$first, $second));
    }
}

function sql($query)
{
    if ($GLOBALS['link']->query($query) === false) {
        throw new Exception('the test itself: ' . $GLOBALS['link']->error);
    }
}
