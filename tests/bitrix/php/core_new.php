<?php
// A core with D7: connections throw, events are objects.
namespace Bitrix\Main\DB {
    class SqlQueryException extends \Exception
    {
        private $said;

        public function __construct($message, $said)
        {
            parent::__construct($message, 400);
            $this->said = $said;
        }

        public function getDatabaseMessage()
        {
            return $this->said;
        }
    }
}

namespace Bitrix\Main {
    class Application
    {
        public static function getConnection()
        {
            return new self();
        }

        public function queryExecute($query)
        {
            $link = $GLOBALS['link'];
            if (isset($GLOBALS['defect'])) {
                throw $GLOBALS['defect'];
            }
            if ($link->query($query) === false) {
                throw new DB\SqlQueryException('Mysql query error', '(' . $link->errno . ') ' . $link->error);
            }
        }
    }

    class EventManager
    {
        public static function getInstance()
        {
            return new self();
        }

        public function addEventHandler($module, $event, $callback)
        {
            $GLOBALS['heard']["$module.$event"][] = $callback;
        }
    }

    class Event
    {
        private $order;

        public function __construct($order)
        {
            $this->order = $order;
        }

        public function getParameter($name)
        {
            return $name === 'ENTITY' ? $this->order : null;
        }
    }
}

namespace {
    require __DIR__ . '/core_common.php';

    class Order
    {
        private $id;

        public function __construct($id)
        {
            $this->id = $id;
        }

        public function getId()
        {
            return $this->id;
        }
    }

    function order_event($id)
    {
        return new \Bitrix\Main\Event(new Order($id));
    }
}
