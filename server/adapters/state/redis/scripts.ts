/**
 * `KEYS[1]` is a hash of value `v` and version `n`. `ARGV`: value, new version, milliseconds to live, and what is asked
 * of the version there: "*" nothing, "" that there is none.
 */
export const setScript = `
if ARGV[4] ~= '*' and (redis.call('HGET', KEYS[1], 'n') or '') ~= ARGV[4] then return 0 end
redis.call('HSET', KEYS[1], 'v', ARGV[1], 'n', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`;

/** `ARGV[1]` as the fourth of {@link setScript}. */
export const deleteScript = `
if ARGV[1] ~= '*' and (redis.call('HGET', KEYS[1], 'n') or '') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;

/**
 * The rule of `domain/sliding-window.ts` over a hash that is a ring: entry i has its instant in field `i` and its
 * number in `c<i>`; `h` is the oldest, `t` the place of the next, `u` the sum. Each call touches the ends alone,
 * however many hits the window holds. `ARGV`: limit, window, milliseconds of an instant, how many are wanted.
 */
export const takePlacesScript = `
local limit, window, instant, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local clock = time[1] * 1000 + math.floor(time[2] / 1000)
local ends = redis.call('HMGET', KEYS[1], 'h', 't', 'u')
local head, tail, used = tonumber(ends[1] or 0), tonumber(ends[2] or 0), tonumber(ends[3] or 0)
local newest = head < tail and tonumber(redis.call('HGET', KEYS[1], tail - 1)) or nil
if newest and newest > clock + window + instant then
  redis.call('DEL', KEYS[1])
  head, tail, used, newest = 0, 0, 0, nil
end
local now = clock
if newest and newest - instant + 1 > now then now = newest - instant + 1 end
while head < tail do
  local oldest = redis.call('HMGET', KEYS[1], head, 'c' .. head)
  if tonumber(oldest[1]) > now - window then break end
  used = used - tonumber(oldest[2])
  redis.call('HDEL', KEYS[1], head, 'c' .. head)
  head = head + 1
end
local allowed = math.max(0, math.min(wanted, limit - used))
if allowed > 0 then
  local at = math.ceil(now / instant) * instant
  if newest and at < newest then at = newest end
  if head < tail and newest == at then
    redis.call('HINCRBY', KEYS[1], 'c' .. (tail - 1), allowed)
  else
    redis.call('HSET', KEYS[1], tail, string.format('%.0f', at), 'c' .. tail, allowed)
    tail = tail + 1
  end
  newest = at
  used = used + allowed
end
if head < tail then
  redis.call('HSET', KEYS[1], 'h', head, 't', tail, 'u', used)
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', newest + window - clock))
else
  redis.call('DEL', KEYS[1])
end
local retry, many, at = 0, used - limit + 1, head
while many > 0 and at < tail do
  local entry = redis.call('HMGET', KEYS[1], at, 'c' .. at)
  many = many - tonumber(entry[2])
  if many <= 0 then retry = tonumber(entry[1]) + window - now end
  at = at + 1
end
return { allowed, used, retry, head < tail and newest + window - now or 0 }`;
