<?php
// {{ public_url }}: the customer's open requests about an order, and a link to ask about it. For the template of the shop's
// page of an order (bitrix:sale.personal.order.detail), where the number is in $arResult. PHP 5.4 or newer.
//
// The block itself says nothing of anybody: what the page shows beside the link, the visitor's own browser asks of the
// portal in one request, whose answer nobody keeps. So it may stand on a page that composite keeps. Without JavaScript the
// link remains. Somebody else's order number shows no more than the link.
if (!function_exists('portal_order_block')) {
    // The number as an address carries it, ASCII in any charset of the shop's; '' for none.
    function portal_order_number($result)
    {
        $number = '';
        foreach (array('ACCOUNT_NUMBER', 'ID') as $name) {
            if ($number === '' && is_array($result) && isset($result[$name]) && is_scalar($result[$name])) {
                $number = trim(htmlspecialchars_decode((string) $result[$name], ENT_QUOTES));
            }
        }
        if (defined('SITE_CHARSET') && strtoupper(SITE_CHARSET) !== 'UTF-8' && function_exists('iconv')) {
            $number = (string) @iconv(SITE_CHARSET, 'UTF-8//IGNORE', $number);
        }
        return preg_match('//u', $number) ? rawurlencode($number) : '';
    }

    function portal_order_block($result)
    {
        $number = portal_order_number($result);
        if ($number === '') {
            return;
        }
        $text = defined('LANGUAGE_ID') && LANGUAGE_ID !== 'ru' ? 'Ask about this order' : '{{ "Спросить об этом заказе"|entities }}';
        echo '<div class="portal-order" data-portal-order="{{ prefix }}/order?number=', $number, '">',
            '<a data-ask href="{{ prefix }}/new?order=', $number, '">', $text, "</a></div>\n",
            '<script src="{{ prefix }}/order.js" defer></script>', "\n";
    }
}
portal_order_block(isset($arResult) ? $arResult : null);
?>
