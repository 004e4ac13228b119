<?php
// The document's job as a bare component, without the Bitrix kernel: session, one query, a file cache, HTML.
// Where there is a choice, it takes the faster way, so that what is measured against it is not flattered:
// the session is only read (no lock held), the connection is persistent, the foreign HTML is cleaned and
// the times are read when they are cached.
declare(strict_types=1);

const MONTHS = ['', 'янв', 'фев', 'мар', 'апр', 'мая', 'июн', 'июл', 'авг', 'сен', 'окт', 'ноя', 'дек'];
const LONG_MONTHS = ['', 'января', 'февраля', 'марта', 'апреля', 'мая', 'июня', 'июля', 'августа', 'сентября',
    'октября', 'ноября', 'декабря'];
const STATUSES = ['open' => ['in_progress', 'В работе'], 'pending' => ['waiting', 'Ждёт вашего ответа'],
    'closed' => ['closed', 'Закрыто']];
const CHANNELS = ['email' => 'по почте', 'phone' => 'по телефону', 'widget' => 'с сайта'];

/** The row of b_user of whoever is signed in; nobody: off to the shop's own sign-in. */
function visitor(): array
{
    session_start(['read_and_close' => true]);
    $context = json_decode($_SESSION['SESS_AUTH']['CONTEXT'] ?? 'null', true);
    $database = new PDO($_SERVER['BENCH_DSN'], 'root', '', [
        PDO::ATTR_PERSISTENT => true,
        PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC,
    ]);
    $query = $database->prepare(
        "SELECT ID, LOGIN, EMAIL, NAME, LAST_NAME FROM b_user WHERE ID = ? AND ACTIVE = 'Y' AND BLOCKED <> 'Y'"
    );
    $query->execute([(int)($context['userId'] ?? 0)]);
    $user = $query->fetch();
    if (!$user) {
        header('Location: /auth/?backurl=' . urlencode($_SERVER['REQUEST_URI']), true, 302);
        exit;
    }
    return $user;
}

/** What $fetch() returned within the last BENCH_CACHE_SECONDS, from a file. */
function cached(string $key, callable $fetch): array
{
    $file = $_SERVER['BENCH_CACHE'] . '/' . $key;
    if (is_file($file) && time() - filemtime($file) < (int)$_SERVER['BENCH_CACHE_SECONDS']) {
        return unserialize(file_get_contents($file), ['allowed_classes' => false]);
    }
    $value = $fetch();
    $half = $file . '.' . getmypid();
    file_put_contents($half, serialize($value));
    rename($half, $file);
    return $value;
}

/** The `data` of a help desk's answer, dialect v1; its times as Unix seconds. */
function helpdesk(string $path): array
{
    $context = stream_context_create(['http' => ['header' => 'Authorization: Bearer demo-token', 'timeout' => 10]]);
    $data = json_decode(file_get_contents($_SERVER['BENCH_HDE'] . $path, false, $context), true)['data'];
    array_walk_recursive($data, function (&$value, $key) {
        if ($value !== null && str_ends_with((string)$key, '_at')) {
            $value = strtotime($value);
        }
    });
    return $data;
}

function h(string $text): string
{
    return htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
}

function icon(string $name): string
{
    return '<svg class="icon" aria-hidden="true"><use href="#' . $name . '"/></svg>';
}

/** A moment as <time>, exact on hover; $text is what it reads. */
function moment(int $at, string $text, string $mark = ''): string
{
    [$day, $month, $rest] = explode('|', date('j|n|Y, H:i', $at));
    $exact = "$day " . LONG_MONTHS[$month] . " $rest";
    return '<time datetime="' . gmdate('Y-m-d\TH:i:s\Z', $at) . "\" title=\"$exact\"$mark>$text</time>";
}

function day(int $at): string
{
    [$day, $month] = explode('|', date('j|n', $at));
    return "$day " . MONTHS[$month];
}

function clock(int $at): string
{
    return day($at) . date(', H:i', $at);
}

function ago(int $at): string
{
    static $now, $today, $yesterday;
    $now ??= time();
    $today ??= mktime(0, 0, 0);
    $yesterday ??= mktime(0, 0, 0, (int)date('n'), (int)date('j') - 1);
    $age = $now - $at;
    if ($age < 60) {
        $text = 'только что';
    } elseif ($age < 3600) {
        $text = intdiv($age, 60) . ' ' . plural(intdiv($age, 60), 'минуту', 'минуты', 'минут') . ' назад';
    } elseif ($at >= $today || $age < 6 * 3600) {
        $text = intdiv($age, 3600) . ' ' . plural(intdiv($age, 3600), 'час', 'часа', 'часов') . ' назад';
    } else {
        $text = $at >= $yesterday ? 'вчера' : day($at);
    }
    return moment($at, $text, ' data-ago');
}

function plural(int $n, string $one, string $few, string $many): string
{
    $tens = $n % 100;
    if ($tens > 10 && $tens < 20) {
        return $many;
    }
    return match ($n % 10) { 1 => $one, 2, 3, 4 => $few, default => $many };
}

function status(array $ticket): array
{
    if ($ticket['status'] === 'open' && !$ticket['last_reply_at']) {
        return ['received', 'Принято'];
    }
    return STATUSES[$ticket['status']] ?? ['other', $ticket['status']];
}

function head(string $title, string $width, string $icons, string $backAddress, string $back): void
{
    ?>
<!doctype html>
<html lang="ru">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title><?= h($title) ?></title>
<link rel="stylesheet" href="/personal/requests/static/app.0123456789.css">
<script type="module" nonce="<?= base64_encode(random_bytes(18)) ?>" src="/personal/requests/static/app.0123456789.js"></script>
</head>
<body>
<svg width="0" height="0" class="sprite" aria-hidden="true"><?= sprite($icons) ?></svg><a class="skip" href="#main">К содержанию</a>
<div class="page <?= $width ?>">
<nav class="back" aria-label="Назад"><a href="<?= $backAddress ?>"><?= icon('back') . $back ?></a></nav><main id="main" tabindex="-1">
<?php
}

function foot(int $asOf): void
{
    ?>
</main>
<footer>
<p>По состоянию на <?= moment($asOf, date('H:i', $asOf)) ?></p>
<nav aria-label="Язык / Language"><ul class="languages">
<li><a href="?lang=ru" lang="ru" hreflang="ru" aria-current="true">Русский</a></li>
<li><a href="?lang=en" lang="en" hreflang="en">English</a></li>
</ul></nav>
</footer>
</div>
</body>
</html>
<?php
}
