<?php
// One conversation, if it is the visitor's own.
declare(strict_types=1);

require __DIR__ . '/component.php';
require __DIR__ . '/sprite.php';

$user = visitor();
$id = (int)$_SERVER['BENCH_TICKET'];
$found = cached('ticket-' . $id, function () use ($id) {
    $messages = helpdesk("/tickets/$id/messages");
    foreach ($messages as &$message) {
        $message['body'] = strip_tags($message['body'], '<p><br><b><i><a><ul><ol><li><blockquote>');
    }
    return ['at' => time(), 'ticket' => helpdesk("/tickets/$id"), 'messages' => $messages];
});
$ticket = $found['ticket'];
if (strcasecmp($ticket['user_email'], $user['EMAIL']) !== 0) {
    http_response_code(404);
    exit;
}
[$class, $word] = status($ticket);
$messages = array_values(array_filter($found['messages'], fn ($message) => !$message['internal']));
head($ticket['subject'] . ' · Мои обращения', 'narrow', 'conversation', '/personal/requests/', 'Все обращения');
?>
<header class="title">
<h1><bdi><?= h($ticket['subject']) ?></bdi></h1>
<span class="status <?= $class ?>"><?= icon($class) ?><span><?= h($word) ?></span></span></header>
<p class="meta">№ <bdi><?= h($ticket['number']) ?></bdi> · открыто <?= moment($ticket['created_at'], clock($ticket['created_at'])) ?> <?= h(CHANNELS[$ticket['channel']] ?? '') ?></p>

<p class="jump"><a href="#last"><?= icon('down') ?>К последнему сообщению</a></p><ol class="messages">
<?php foreach ($messages as $place => $message): $at = $message['created_at']; $staff = $message['author']['type'] === 'staff'; ?>
<li class="<?= $staff ? 'theirs' : 'own' ?>"<?= $place === count($messages) - 1 ? ' id="last"' : '' ?>>
<article>
<h2><?= $staff ? 'Поддержка, <bdi>' . h($message['author']['name']) . '</bdi>' : 'Вы' ?> <span class="when"><?= moment($at, clock($at)) ?></span></h2>
<div class="text" dir="auto"><?= $message['body'] ?></div>
</article>
</li>
<?php endforeach ?>
</ol>
<?php
foot($found['at']);
