<?php
/*
 * Writes random sessions with PHP's own session module and tells how PHP itself reads them back.
 * php random_sessions.php FOLDER SEED COUNT → FOLDER/{php,php_serialize,php_binary}/…/sess_* and FOLDER/expected.json
 */
error_reporting(E_ALL & ~E_DEPRECATED);
[, $folder, $seed, $count] = $argv;
mt_srand((int) $seed);

class Base { private $hidden = 1; protected $guarded = 'two'; public $open;
    public function set($a, $b, $c) { $this->hidden = $a; $this->guarded = $b; $this->open = $c; return $this; } }
class Child extends Base { private $hidden = 'child\'s own'; public $more; }
class Magic { public $a; public $b;
    public function __serialize(): array { return ['a' => $this->a, 'b' => $this->b]; }
    public function __unserialize(array $data): void { $this->a = $data['a']; $this->b = $data['b']; } }
class Old implements Serializable { public $data = '';
    public function serialize() { return $this->data; }
    public function unserialize($data) { $this->data = $data; } }
enum Suit: string { case Hearts = 'H'; case Spades = 'S'; }

function text(): string
{
    $pieces = ['|', ';', '}', '{', '"', ':', 's:5:"', 'i:1;', 'SESS_AUTH|a:1:{', "\0", "\n", 'Анна', '№ 1', '€', '😀', 'a', 'Zz', '  ', "\xC0\xED\xED\xE0", "\xFF\xFE", 'N;', 'R:2;'];
    $text = '';
    for ($n = mt_rand(0, 6); $n > 0; $n--) {
        $text .= $pieces[mt_rand(0, count($pieces) - 1)];
    }
    return mt_rand(0, 40) ? $text : str_repeat($text . 'x', 700);
}

function key_of(): int|string
{
    return [fn() => mt_rand(-5, 5), fn() => (string) mt_rand(-5, 5), fn() => text(), fn() => 'k' . mt_rand(0, 9), fn() => '007', fn() => PHP_INT_MIN, fn() => '9223372036854775808'][mt_rand(0, 6)]();
}

function value(int $depth, array &$seen): mixed
{
    $kind = mt_rand(0, $depth > 0 ? 15 : 6);
    switch ($kind) {
        case 0: return null;
        case 1: return (bool) mt_rand(0, 1);
        case 2: return [0, 1, -1, mt_rand(), PHP_INT_MAX, PHP_INT_MIN][mt_rand(0, 5)];
        case 3: return [0.0, -0.0, 0.1, 1e300, -2.5e-8, 1.0, INF, -INF, NAN, mt_rand() / 7][mt_rand(0, 9)];
        case 4: case 5: return text();
        case 6: return mt_rand(0, 1) ? Suit::Hearts : Suit::Spades;
        case 7: case 8: case 9: case 10:
            $array = [];
            for ($n = mt_rand(0, 5); $n > 0; $n--) {
                $array[key_of()] = value($depth - 1, $seen);
            }
            return $array;
        case 11:
            $array = ['first' => value($depth - 1, $seen)];
            $array['same'] = &$array['first'];
            $array['copy'] = $array['first'];
            return $array;
        case 12:
            $object = (mt_rand(0, 1) ? new Base() : new Child());
            $seen[] = $object;
            return $object->set(value($depth - 1, $seen), value($depth - 1, $seen), mt_rand(0, 2) ? value($depth - 1, $seen) : $object);
        case 13:
            if ($seen && mt_rand(0, 1)) {
                return $seen[mt_rand(0, count($seen) - 1)];
            }
            $object = new stdClass();
            $seen[] = $object;
            for ($n = mt_rand(0, 4); $n > 0; $n--) {
                $object->{'p' . mt_rand(0, 20)} = value($depth - 1, $seen);
            }
            return $object;
        case 14:
            $object = new Magic();
            $object->a = value($depth - 1, $seen);
            $object->b = value($depth - 1, $seen);
            return $object;
        default:
            return mt_rand(0, 1) ? new ArrayObject([text(), value($depth - 1, $seen)]) : new DateTime('@' . mt_rand());
    }
}

function told(mixed $value, array $path = []): array
{
    if (is_null($value)) { return ['n']; }
    if (is_bool($value)) { return ['b', $value]; }
    if (is_int($value)) { return ['i', (string) $value]; }
    if (is_float($value)) { return ['d', is_nan($value) ? 'nan' : bin2hex(pack('E', $value))]; }
    if (is_string($value)) { return ['s', bin2hex($value)]; }
    if ($value instanceof UnitEnum) { return ['o', bin2hex($value::class . ':' . $value->name), []]; }
    if ($value instanceof Old) { return ['c', bin2hex(Old::class), bin2hex($value->data)]; }
    $items = [];
    if (is_object($value)) {
        $at = array_search($value, $path, true);
        if ($at !== false) { return ['cycle', $at]; }
        $path[] = $value;
        $fields = method_exists($value, '__serialize') && !$value instanceof DateTime ? $value->__serialize() : (array) $value;
        foreach ($fields as $key => $item) { $items[] = [bin2hex((string) $key), told($item, $path)]; }
        return ['o', bin2hex($value::class), $items];
    }
    foreach ($value as $key => $item) { $items[] = [told($key), told($item, $path)]; }
    return ['a', $items];
}

ini_set('session.use_cookies', '0');
ini_set('session.use_strict_mode', '0');
ini_set('session.cache_limiter', '');
$handlers = ['php', 'php_serialize', 'php_binary'];
$expected = [];
for ($i = 0; $i < $count; $i++) {
    $handler = $handlers[$i % 3];
    $levels = intdiv($i, 3) % 3;
    $save = "$folder/$handler" . ($levels ? "-$levels" : '');
    $id = sprintf('%08x%024d', mt_rand(), $i);
    @mkdir($save . '/' . implode('/', str_split(substr($id, 0, max($levels, 1)))), 0700, true);
    ini_set('session.serialize_handler', $handler);
    session_save_path($levels ? "$levels;$save" : $save);

    session_id($id);
    session_start();
    $seen = [];
    for ($n = mt_rand(0, 8); $n > 0; $n--) {
        $_SESSION['v' . mt_rand(0, 99)] = value(mt_rand(0, 5), $seen);
    }
    if (mt_rand(0, 3)) {
        $_SESSION['SESS_AUTH'] = ['AUTHORIZED' => 'Y', 'USER_ID' => (string) mt_rand(1, 99), 'NAME' => text(), 'POLICY' => ['SESSION_TIMEOUT' => 24]];
    }
    if ($seen) {
        $_SESSION['again'] = $seen[mt_rand(0, count($seen) - 1)];
    }
    if (mt_rand(0, 4) === 0) {
        // Last, because the places of references behind it are known to its class alone.
        $_SESSION['zz_old'] = new Old();
        $_SESSION['zz_old']->data = text();
    }
    session_write_close();

    $_SESSION = [];
    session_id($id);
    session_start(['read_and_close' => true]);
    $expected[] = ['id' => $id, 'save_path' => $levels ? "$levels;$save" : $save, 'handler' => $handler, 'session' => told($_SESSION)];
}
file_put_contents("$folder/expected.json", json_encode($expected, JSON_THROW_ON_ERROR));
