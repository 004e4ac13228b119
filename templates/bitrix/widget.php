<?php
// The help desk's widget with its visitor told inline. Instead of the line above, at the end of the template's footer.php.
// The line above is simpler and does the same; this saves its question, and needs a key of the shop's own.
//
// The key makes the widget's tokens and nothing else, and is a secret: in the environment of PHP as PORTAL_WIDGET_KEY, or in
// /bitrix/.settings.php as 'portal_widget_key'. Where PORTAL_SECRET_KEYS is set, the command that printed this tells it
// beside (on stderr); when the first of those is changed, so is the key.
if (!function_exists('portal_widget_config')) {
    function portal_widget_text($text)
    {
        if (defined('SITE_CHARSET') && strtoupper(SITE_CHARSET) !== 'UTF-8' && function_exists('iconv')) {
            $text = (string) @iconv(SITE_CHARSET, 'UTF-8//IGNORE', $text);
        }
        // What is not UTF-8 cannot be told in JSON.
        return preg_match('//u', $text) ? $text : '';
    }

    function portal_widget_base64($bytes)
    {
        return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    }

    // Who is signed in, signed for one request within a day; null for nobody, and as long as there is no key.
    function portal_widget_config($user)
    {
        $key = (string) getenv('PORTAL_WIDGET_KEY');
        if ($key === '' && class_exists('\Bitrix\Main\Config\Configuration')) {
            $key = (string) \Bitrix\Main\Config\Configuration::getValue('portal_widget_key');
        }
        if (!is_object($user) || !$user->IsAuthorized() || !preg_match('/^[0-9a-f]{64}\z/', $key)) {
            return null;
        }
        $once = function_exists('random_bytes') ? random_bytes(16) : openssl_random_pseudo_bytes(16);
        $signed = portal_widget_base64(json_encode(array((string) (int) $user->GetID(), bin2hex($once))))
            . '.' . portal_widget_base64(pack('N', time()));
        return array(
            'user_email' => portal_widget_text((string) $user->GetEmail()),
            'user_name' => portal_widget_text((string) $user->GetFullName()),
            'custom_fields' => array(
                'bitrix_user_id' => (string) (int) $user->GetID(),
                '{{ field }}' => $signed . '.' . portal_widget_base64(hash_hmac('sha256', $signed, pack('H*', $key), true)),
            ),
        );
    }
}

// Composite keeps pages for everybody: what is about one visitor stands in a frame of its own, which it never keeps.
$portalFrame = class_exists('\Bitrix\Main\Page\FrameHelper') ? new \Bitrix\Main\Page\FrameHelper('portal-widget') : null;
if ($portalFrame) {
    $portalFrame->begin();
}
$portalConfig = portal_widget_config(isset($GLOBALS['USER']) ? $GLOBALS['USER'] : null);
if ($portalConfig) {
    // Written so that no name can end the script or the string: < > & ' " and all that is not ASCII are escaped.
    echo '<script>window.HDE_CONFIG = ',
        json_encode($portalConfig, JSON_HEX_TAG | JSON_HEX_AMP | JSON_HEX_APOS | JSON_HEX_QUOT), ";</script>\n";
}
echo '{{ line }}', "\n";
if ($portalFrame) {
    $portalFrame->beginStub();
    $portalFrame->end();
}
?>
