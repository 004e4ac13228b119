<?php
// The list of the visitor's requests.
declare(strict_types=1);

require __DIR__ . '/component.php';
require __DIR__ . '/sprite.php';

$user = visitor();
$found = cached('list-' . $user['ID'], function () use ($user) {
    $contact = helpdesk('/users?email=' . urlencode($user['EMAIL']))[0];
    return ['at' => time(), 'tickets' => helpdesk('/tickets?user_id=' . $contact['id'])];
});
$count = count($found['tickets']);
head('Мои обращения', 'wide', 'list', '/personal/', 'Личный кабинет');
?>
<header class="title">
<h1>Мои обращения</h1>
<p class="count"><?= $count . ' ' . plural($count, 'обращение', 'обращения', 'обращений') ?></p></header>

<ol class="requests">
<?php foreach ($found['tickets'] as $ticket): [$class, $word] = status($ticket); ?>
<li class="<?= $class ?>">
<h2><a href="/personal/requests/<?= $ticket['id'] ?>"><bdi><?= h($ticket['subject']) ?></bdi></a></h2>
<p class="status <?= $class ?>"><?= icon($class) ?><span><?= h($word) ?></span></p>
<p class="when"><span class="label">Обновлено:</span> <?= ago($ticket['last_reply_at'] ?? $ticket['updated_at']) ?></p>
<p class="meta">№ <bdi><?= h($ticket['number']) ?></bdi> · <?= h(CHANNELS[$ticket['channel']] ?? $ticket['channel']) ?></p>
</li>
<?php endforeach ?>
</ol>
<?php
foot($found['at']);
