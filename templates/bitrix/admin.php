<?php
/*
 * {{ public_url }}: opens the operator's panel of My Requests for an order. Put it beside the shop's admin pages, for example
 * /bitrix/admin/portal_order.php, and open /bitrix/admin/portal_order.php?ID=<the order's ID>. PHP 5.4 or newer.
 *
 * It opens for whoever may see that order in the shop's admin. The portal's secret (one of PORTAL_PANEL_SECRETS) stays on
 * this server: in the environment of PHP as PORTAL_PANEL_SECRET, or in /bitrix/.settings.php as
 *     'portal_panel_secret' => array('value' => '...', 'readonly' => true),
 * The browser gets a link that opens one panel, once. The panel takes the whole window: only the help desk may frame it.
 */
require_once $_SERVER['DOCUMENT_ROOT'] . '/bitrix/modules/main/include/prolog_admin_before.php';

if (!function_exists('portal_admin_text')) {
    function portal_admin_text($russian, $english)
    {
        return defined('LANGUAGE_ID') && LANGUAGE_ID !== 'ru' ? $english : $russian;
    }

    function portal_admin_secret()
    {
        $secret = (string) getenv('PORTAL_PANEL_SECRET');
        if ($secret === '' && class_exists('\Bitrix\Main\Config\Configuration')) {
            $secret = (string) \Bitrix\Main\Config\Configuration::getValue('portal_panel_secret');
        }
        return preg_match('/^[\x21-\x7e]{1,1000}\z/', $secret) ? $secret : '';
    }

    // As the shop's own page of an order decides it: by status in a core with D7's sale, and for right P ("of his company")
    // by who is responsible; by the old class in a core without.
    function portal_admin_may_see($right, $id)
    {
        $user = $GLOBALS['USER'];
        if ($id <= 0 || !CModule::IncludeModule('sale')) {
            return false;
        }
        if (!method_exists('\Bitrix\Sale\OrderStatus', 'getStatusesUserCanDoOperations')) {
            return CSaleOrder::GetByID($id) && CSaleOrder::CanUserViewOrder($id, $user->GetUserGroupArray(), $user->GetID());
        }
        $order = \Bitrix\Sale\Order::load($id);
        $seen = $order ? \Bitrix\Sale\OrderStatus::getStatusesUserCanDoOperations($user->GetID(), array('view')) : array();
        if (!$order || !in_array($order->getField('STATUS_ID'), $seen)) {
            return false;
        }
        return $right !== 'P' || $order->getField('RESPONSIBLE_ID') == $user->GetID()
            || in_array($order->getField('COMPANY_ID'), \Bitrix\Sale\Services\Company\Manager::getUserCompanyList($user->GetID()));
    }

    // The operator, as the portal writes down who has looked up whom.
    function portal_admin_operator($user)
    {
        $login = (string) $user->GetLogin();
        if (defined('SITE_CHARSET') && strtoupper(SITE_CHARSET) !== 'UTF-8' && function_exists('iconv')) {
            $login = (string) @iconv(SITE_CHARSET, 'UTF-8//IGNORE', $login);
        }
        $login = preg_match('//u', $login) ? preg_replace('/[^\p{L}\p{N}@._ -]+/u', '', $login) : '';
        return preg_match('/^.{1,100}/su', trim('shop ' . (int) $user->GetID() . ' ' . $login), $found) ? $found[0] : '';
    }

    // The token of a link for this order; '' when the portal gives none.
    function portal_admin_token($secret, $id, $operator)
    {
        $context = stream_context_create(array(
            'http' => array(
                'method' => 'POST',
                'header' => "Authorization: Bearer $secret\r\nContent-Type: application/json\r\nConnection: close\r\n",
                'content' => json_encode(array('order_id' => $id, 'operator' => $operator)),
                'timeout' => 5,
                'follow_location' => 0,
                'max_redirects' => 0,
                'ignore_errors' => true,
            ),
            'ssl' => array('verify_peer' => true),
        ));
        $answer = @file_get_contents('{{ public_url }}/api/panel/links', false, $context, 0, 20000);
        $told = is_string($answer) ? json_decode($answer, true) : null;
        $token = is_array($told) && isset($told['token']) && is_string($told['token']) ? $told['token'] : '';
        return preg_match('/^[A-Za-z0-9._-]{1,4096}\z/', $token) ? $token : '';
    }

    // A form that is sent by itself where there is script, and by its button where there is none.
    function portal_admin_form($action, $fields, $button, $at_once)
    {
        echo '<form method="post" id="portal-order" action="', htmlspecialchars($action, ENT_QUOTES, 'ISO-8859-1'), '">', $fields,
            '<input type="submit" class="adm-btn-save" value="', $button, '"></form>', "\n";
        if ($at_once) {
            echo "<script>document.getElementById('portal-order').submit();</script>\n";
        }
    }
}

// D is "denied": the letters go up from there.
$portalRight = (string) $APPLICATION->GetGroupRight('sale');
if ($portalRight <= 'D') {
    $APPLICATION->AuthForm(portal_admin_text('{{ "Доступ запрещён"|entities }}', 'Access denied'));
    exit;
}
$portalOrder = isset($_REQUEST['ID']) && is_string($_REQUEST['ID']) && preg_match('/^[1-9][0-9]{0,9}\z/', $_REQUEST['ID'])
    ? (int) $_REQUEST['ID'] : 0;
$portalSees = portal_admin_may_see($portalRight, $portalOrder);
$portalSecret = portal_admin_secret();
// Another site must not make an operator look somebody up: what is done in his name needs his session's own number.
$portalAsked = $portalSees && $portalSecret !== '' && $_SERVER['REQUEST_METHOD'] === 'POST' && check_bitrix_sessid();
$portalToken = $portalAsked ? portal_admin_token($portalSecret, $portalOrder, portal_admin_operator($USER)) : '';

header('Cache-Control: no-store');
header('Referrer-Policy: same-origin');
header('X-Frame-Options: DENY');
$APPLICATION->SetTitle(portal_admin_text('{{ "Обращения покупателя"|entities }}', 'The customer\'s requests'));
require $_SERVER['DOCUMENT_ROOT'] . '/bitrix/modules/main/include/prolog_admin_after.php';

$portalOpen = portal_admin_text('{{ "Открыть панель"|entities }}', 'Open the panel');
if (!$portalSees) {
    echo '<p>', portal_admin_text('{{ "Такого заказа нет, или он вам не виден."|entities }}', 'There is no such order, or you may not see it.'), '</p>';
} elseif ($portalSecret === '') {
    echo '<p>', portal_admin_text('{{ "Панель не настроена: на этом сервере нет portal_panel_secret."|entities }}', 'The panel is not set up: this server has no portal_panel_secret.'), '</p>';
} elseif ($portalToken !== '') {
    portal_admin_form('{{ public_url }}{{ prefix }}/panel', '<input type="hidden" name="token" value="' . $portalToken . '">', $portalOpen, true);
} else {
    if ($portalAsked) {
        echo '<p>', portal_admin_text('{{ "Портал сейчас не отвечает. Попробуйте через минуту."|entities }}', 'The portal does not answer just now. Try again in a minute.'), '</p>';
    }
    portal_admin_form('?ID=' . $portalOrder, bitrix_sessid_post(), $portalOpen, false);
}
require $_SERVER['DOCUMENT_ROOT'] . '/bitrix/modules/main/include/epilog_admin.php';
