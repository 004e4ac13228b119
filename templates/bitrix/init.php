<?php
// {{ public_url }}: tells My Requests that an account or an order has changed. For /local/php_interface/init.php; where that
// file begins with <?php already, without the line above. PHP 5.4 or newer, cores with and without D7.
//
// Each handler puts one row (what, and its number) into {{ table }} of the shop's own database, and so in the
// shop's own transaction: no request goes anywhere, and nothing else of an account or an order is copied. The table is made
// by `portal migrate`.
if (!class_exists('CustomHdeShopEvents', false)) {
    class CustomHdeShopEvents
    {
        // Registration by form tells USER_ID, every other way of making an account tells ID. Both are told of failures, too.
        public static function accountMade($fields)
        {
            self::account(isset($fields['USER_ID']) ? $fields['USER_ID'] : 0);
        }

        public static function accountSaved($fields)
        {
            if (!isset($fields['RESULT']) || $fields['RESULT']) {
                self::account(isset($fields['ID']) ? $fields['ID'] : 0);
            }
        }

        public static function accountDeleted($id)
        {
            self::put('{{ gone }}', $id);
        }

        // D7: the event carries the order.
        public static function orderSaved($event)
        {
            $order = is_object($event) && method_exists($event, 'getParameter') ? $event->getParameter('ENTITY') : null;
            if (is_object($order) && method_exists($order, 'getId')) {
                self::put('{{ order }}', $order->getId());
            }
        }

        // Before D7: the order's number comes first.
        public static function oldOrderSaved($id)
        {
            self::put('{{ order }}', $id);
        }

        private static function account($id)
        {
            self::put('{{ user }}', $id);
        }

        // Whatever goes wrong is told in PHP's log, and the shop goes on: a change that is not told here is found later by
        // looking. But a deadlock has rolled the shop's own transaction back: the shop must not go on as if it had not.
        private static function put($kind, $id)
        {
            $id = is_scalar($id) ? (int) $id : 0;
            if ($id <= 0) {
                return;
            }
            try {
                self::insert(
                    'INSERT INTO {{ table }} (kind, object_id, created_at)'
                    . " VALUES ('" . $kind . "', " . $id . ', UTC_TIMESTAMP(6))'
                );
            } catch (\Exception $trouble) {
                self::tell($trouble);
            } catch (\Throwable $trouble) {
                self::tell($trouble);
            }
        }

        private static function insert($query)
        {
            if (method_exists('\Bitrix\Main\Application', 'getConnection')) {
                \Bitrix\Main\Application::getConnection()->queryExecute($query);
                return;
            }
            // Without the second argument the old class would print the error and end the shop's page.
            if (!$GLOBALS['DB']->Query($query, true)) {
                throw new \Exception(isset($GLOBALS['DB']->db_Error) ? (string) $GLOBALS['DB']->db_Error : 'no reason told');
            }
        }

        private static function tell($trouble)
        {
            $said = $trouble->getMessage();
            if (method_exists($trouble, 'getDatabaseMessage')) {
                $said .= ' ' . $trouble->getDatabaseMessage();
            }
            error_log('My Requests, {{ table }}: ' . get_class($trouble) . ' ' . $said);
            if ($trouble->getCode() === 1213 || preg_match('/\b1213\b|Deadlock found/', $said)) {
                throw $trouble;
            }
        }
    }

    AddEventHandler('main', 'OnAfterUserRegister', array('CustomHdeShopEvents', 'accountMade'));
    AddEventHandler('main', 'OnAfterUserAdd', array('CustomHdeShopEvents', 'accountSaved'));
    AddEventHandler('main', 'OnAfterUserUpdate', array('CustomHdeShopEvents', 'accountSaved'));
    AddEventHandler('main', 'OnAfterUserDelete', array('CustomHdeShopEvents', 'accountDeleted'));
    if (class_exists('\Bitrix\Main\EventManager')) {
        $customHdeEvents = \Bitrix\Main\EventManager::getInstance();
        foreach (array('OnSaleOrderSaved', 'OnSaleStatusOrderChange', 'OnSaleOrderCanceled', 'OnSaleOrderPaid') as $customHdeEvent) {
            $customHdeEvents->addEventHandler('sale', $customHdeEvent, array('CustomHdeShopEvents', 'orderSaved'));
        }
        unset($customHdeEvents, $customHdeEvent);
    }
    // The names of older cores. A newer one may raise them beside its own: the same thing told twice is done once.
    AddEventHandler('main', 'OnUserDelete', array('CustomHdeShopEvents', 'accountDeleted'));
    foreach (array('OnOrderAdd', 'OnOrderUpdate', 'OnSaleStatusOrder', 'OnSaleCancelOrder', 'OnSalePayOrder') as $customHdeEvent) {
        AddEventHandler('sale', $customHdeEvent, array('CustomHdeShopEvents', 'oldOrderSaved'));
    }
    unset($customHdeEvent);
}
