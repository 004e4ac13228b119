<?php
/*
 * {{ public_url }}: opens the operator's panel of My Requests for an order. Put it beside the shop's admin pages, for example
 * /bitrix/admin/portal_order.php, and open /bitrix/admin/portal_order.php?ID=<the order's ID>. PHP 5.4 or newer.
 *
 * It opens for whoever may see every order in the shop's admin: the panel shows all of a customer, and its search finds any
 * customer. The portal's secret (one of PORTAL_PANEL_SECRETS) stays on
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

    // As the shop's own list of orders decides it: right W is for all of them, right P for those of his company, and right U
    // for the statuses that he may view, on the sites that are given to his groups (none given: on all). A core without D7's
    // sale keeps rights of right U elsewhere: there it takes right W.
    function portal_admin_sees_all($right)
    {
        $user = $GLOBALS['USER'];
        if ($right >= 'W') {
            return true;
        }
        if ($right !== 'U' || !method_exists('\Bitrix\Sale\OrderStatus', 'getStatusesUserCanDoOperations')
            || !method_exists('\Bitrix\Sale\OrderStatus', 'getAllStatuses')) {
            return false;
        }
        $seen = \Bitrix\Sale\OrderStatus::getStatusesUserCanDoOperations($user->GetID(), array('view'));
        if (array_diff(\Bitrix\Sale\OrderStatus::getAllStatuses(), $seen)) {
            return false;
        }
        $given = CSaleGroupAccessToSite::GetList(array(), array('GROUP_ID' => $user->GetUserGroupArray()), false, false, array('SITE_ID'));
        $his = portal_admin_column($given, 'SITE_ID');
        $by = 'sort';
        $order = 'asc';
        return !$his || !array_diff(portal_admin_column(CSite::GetList($by, $order), 'LID'), $his);
    }

    function portal_admin_column($found, $name)
    {
        $values = array();
        while ($row = $found->Fetch()) {
            $values[] = $row[$name];
        }
        return $values;
    }

    function portal_admin_is_there($id)
    {
        return $id > 0 && (bool) (method_exists('\Bitrix\Sale\Order', 'load') ? \Bitrix\Sale\Order::load($id) : CSaleOrder::GetByID($id));
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

    // The token of a link for this order, '' when the portal gives none; its status, 0 for no answer; whether it is the portal
    // that has answered.
    function portal_admin_ask($secret, $id, $operator)
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
        $stream = @fopen('{{ public_url }}/api/panel/links', 'r', false, $context);
        if (!$stream) {
            return array('', 0, false);
        }
        $told = json_decode((string) stream_get_contents($stream, 20000), true);
        $about = stream_get_meta_data($stream);
        fclose($stream);
        $line = isset($about['wrapper_data'][0]) ? (string) $about['wrapper_data'][0] : '';
        $status = preg_match('/^HTTP\/\S+ ([0-9]{3})/', $line, $found) ? (int) $found[1] : 0;
        $token = is_array($told) && isset($told['token']) && is_string($told['token']) ? $told['token'] : '';
        return array(
            preg_match('/^[A-Za-z0-9._-]{1,4096}\z/', $token) ? $token : '',
            $status,
            is_array($told) && isset($told['status']) && $told['status'] === $status,
        );
    }

    // Why there is no token, for the manager; and what is to be mended, for whoever has put this file here.
    function portal_admin_why($status, $is_portal)
    {
        if ($status === 0 || $status >= 500) {
            $why = portal_admin_text('{{ "Портал сейчас не отвечает. Попробуйте через минуту."|entities }}', 'The portal does not answer just now. Try again in a minute.');
        } elseif ($status === 401) {
            $why = portal_admin_text('{{ "Портал не принимает пароль этого магазина. Повторять не нужно: передайте это разработчику магазина."|entities }}', 'The portal does not accept the secret of this shop. Trying again will not help: pass this on to the shop\'s developer.');
        } else {
            $why = portal_admin_text('{{ "Панель здесь не настроена до конца. Повторять не нужно: передайте это разработчику магазина."|entities }}', 'The panel is not quite set up here. Trying again will not help: pass this on to the shop\'s developer.');
        }
        if ($status === 0) {
            $mend = ini_get('allow_url_fopen') ? 'if it stays so, this server cannot reach that address, or does not trust its certificate' : 'switch allow_url_fopen on in php.ini';
        } elseif ($status >= 500) {
            $mend = 'if it stays so, look into the log of the portal';
        } elseif ($status === 401) {
            $mend = 'portal_panel_secret on this server is none of PORTAL_PANEL_SECRETS of the portal';
        } elseif ($status === 404 && $is_portal) {
            $mend = 'the panel is off: PORTAL_HDE_ORIGIN of the portal is not set';
        } elseif ($is_portal) {
            $mend = 'this file and the portal are of different versions: print it anew with "portal snippet admin"';
        } else {
            $mend = 'it is not the portal that answers: compare the locations with "portal snippet nginx", and PORTAL_PUBLIC_URL with the address of the shop';
        }
        return "<p>$why</p>\n<p><small>POST {{ public_url }}/api/panel/links: " . ($status ? $status : 'no answer') . "; $mend.</small></p>\n";
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
$portalSees = CModule::IncludeModule('sale') && portal_admin_sees_all($portalRight);
$portalThere = $portalSees && portal_admin_is_there($portalOrder);
$portalSecret = portal_admin_secret();
// Another site must not make an operator look somebody up: what is done in his name needs his session's own number.
$portalAsked = $portalThere && $portalSecret !== '' && $_SERVER['REQUEST_METHOD'] === 'POST' && check_bitrix_sessid();
list($portalToken, $portalStatus, $portalIsIt) = $portalAsked
    ? portal_admin_ask($portalSecret, $portalOrder, portal_admin_operator($USER)) : array('', 0, false);

header('Cache-Control: no-store');
header('Referrer-Policy: same-origin');
header('X-Frame-Options: DENY');
$APPLICATION->SetTitle(portal_admin_text('{{ "Обращения покупателя"|entities }}', 'The customer\'s requests'));
require $_SERVER['DOCUMENT_ROOT'] . '/bitrix/modules/main/include/prolog_admin_after.php';

$portalOpen = portal_admin_text('{{ "Открыть панель"|entities }}', 'Open the panel');
if (!$portalSees) {
    echo '<p>', portal_admin_text('{{ "Панель показывает о покупателе всё и находит любого покупателя, поэтому она открывается тем, кому видны все заказы магазина. Вам видна только часть заказов."|entities }}', 'The panel shows everything about a customer and finds any customer, so it opens for those who may see all orders of the shop. You may see only some of them.'), '</p>';
} elseif (!$portalThere) {
    echo '<p>', portal_admin_text('{{ "Такого заказа нет."|entities }}', 'There is no such order.'), '</p>';
} elseif ($portalSecret === '') {
    echo '<p>', portal_admin_text('{{ "Панель не настроена: на этом сервере нет portal_panel_secret."|entities }}', 'The panel is not set up: this server has no portal_panel_secret.'), '</p>';
} elseif ($portalToken !== '') {
    portal_admin_form('{{ public_url }}{{ prefix }}/panel', '<input type="hidden" name="token" value="' . $portalToken . '">', $portalOpen, true);
} else {
    if ($portalAsked) {
        echo portal_admin_why($portalStatus, $portalIsIt);
    }
    portal_admin_form('?ID=' . $portalOrder, bitrix_sessid_post(), $portalOpen, false);
}
require $_SERVER['DOCUMENT_ROOT'] . '/bitrix/modules/main/include/epilog_admin.php';
