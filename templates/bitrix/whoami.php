<?php
/*
 * My Requests: tells the portal on this host who a visitor is, by the visitor's own cookies.
 * Put it where PORTAL_SESSIONS=php:… points, for example /local/portal_whoami.php. PHP 5.6 or newer.
 * It answers nobody but a caller on this host that knows the secret; below are the hashes of the secrets.
 */
{% if hashes %}
$portalHashes = array(
{% for hash in hashes %}
    '{{ hash }}',
{% endfor %}
);
{% else %}
// PORTAL_SECRET_KEYS was not set when this file was printed: THE LIST IS EMPTY and the file answers nobody.
// Print it again where the portal's settings are: portal snippet whoami
$portalHashes = array();
{% endif %}

$portalGiven = hash('sha256', isset($_SERVER['HTTP_X_PORTAL_WHOAMI']) ? (string) $_SERVER['HTTP_X_PORTAL_WHOAMI'] : '');
$portalKnown = false;
foreach ($portalHashes as $portalHash) {
    $portalKnown = hash_equals($portalHash, $portalGiven) || $portalKnown;
}
if (!$portalKnown || !in_array($_SERVER['REMOTE_ADDR'], array('127.0.0.1', '::1'), true)) {
    http_response_code(404);
    exit;
}

// Bitrix binds sessions to the visitor's address, so it must see the visitor's and not the portal's.
$portalVisitor = isset($_SERVER['HTTP_X_PORTAL_VISITOR']) ? $_SERVER['HTTP_X_PORTAL_VISITOR'] : '';
if (filter_var($portalVisitor, FILTER_VALIDATE_IP)) {
    $_SERVER['REMOTE_ADDR'] = $_SERVER['HTTP_X_REAL_IP'] = $_SERVER['HTTP_X_FORWARDED_FOR'] = $portalVisitor;
    unset($_SERVER['HTTP_CLIENT_IP']);
}
if (isset($_SERVER['HTTP_X_PORTAL_SCHEME']) && $_SERVER['HTTP_X_PORTAL_SCHEME'] === 'https') {
    // Cookies with the flag Secure are sent, and kept, over https alone.
    $_SERVER['HTTPS'] = 'on';
    $_SERVER['SERVER_PORT'] = '443';
}

// Not NOT_CHECK_PERMISSIONS: with it Bitrix would not look at the remembered sign-in.
define('NO_KEEP_STATISTIC', true);
define('NO_AGENT_STATISTIC', 'Y');
define('NO_AGENT_CHECK', true);
define('STOP_STATISTICS', true);
define('DisableEventsCheck', true);

require $_SERVER['DOCUMENT_ROOT'] . '/bitrix/modules/main/include/prolog_before.php';

$portalUser = $GLOBALS['USER'];
$portalId = $portalUser->IsAuthorized() ? (int) $portalUser->GetID() : 0;
// Application passwords open mail and calendar programs, not a customer's account.
if ($portalUser->GetParam('APPLICATION_ID')) {
    $portalId = 0;
}
if (method_exists($portalUser, 'getContext')) {
    $portalContext = $portalUser->getContext();
    if ($portalContext->getApplicationId() || $portalContext->getApplicationPasswordId()) {
        $portalId = 0;
    }
}

while (ob_get_level() > 0) {
    ob_end_clean();
}
header('Content-Type: application/json');
header('Cache-Control: no-store');
echo json_encode(array('id' => $portalId));

// Bitrix sends its own cookies and closes the session here.
require $_SERVER['DOCUMENT_ROOT'] . '/bitrix/modules/main/include/epilog_after.php';
