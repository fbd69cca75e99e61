using System.Globalization;
using System.Text;
using Grid.Client;
using Grid.Formats.Operations;
using Grid.Server.Chaos.Histories;

namespace Grid.Server.Chaos.Load;

/// <summary>
/// One caller of the load: reads, sets, compare-and-sets, counters, deletes, expiries and get-or-adds on few keys, one call after the other.
/// Every value is unique, so that whoever is shown one tells who wrote it.
/// </summary>
internal sealed class MixedCaller(IKeyspace keyspace, string name, int keys, int seed, CallRecorder recorder, Durability durability = Durability.Replicated)
{
    private readonly Random _random = new(seed);
    private readonly CallOptions _options = new() { Durability = durability };
    private long _written;

    /// <summary>Every fourth key is a counter; on the one after it entries expire.</summary>
    public static bool IsCounter(int key) => key % 4 == 0;

    /// <summary>The name of a key.</summary>
    public static string KeyOf(int key) => string.Create(CultureInfo.InvariantCulture, $"{(IsCounter(key) ? "count" : "entry")}:{key}");

    /// <summary>Makes one call, or two where the second needs what the first one showed.</summary>
    public Task CallAsync()
    {
        int key = _random.Next(keys);
        int dice = _random.Next(100);
        return IsCounter(key) ? CountAsync(key, dice) : key % 4 == 1 && dice < 30 ? ExpiringAsync(key, dice) : EntryAsync(key, dice);
    }

    /// <summary>Reads an entry with all that can be shown of it.</summary>
    public Task<HistoryOperation> ReadAsync(int key) => recorder.CallAsync(Ask(key, HistoryAction.Get), async asked =>
    {
        GridEntry<byte[]> entry = await keyspace.GetEntryAsync(KeyBytes(asked), _options).ConfigureAwait(false);
        return entry.Found
            ? asked with
            {
                Outcome = HistoryOutcome.Done,
                Found = Encoding.UTF8.GetString(entry.Value!),
                Version = entry.Version,
                ExpiresAtMs = entry.ExpiresAt?.ToUnixTimeMilliseconds() ?? 0,
            }
            : asked with { Outcome = HistoryOutcome.Absent };
    });

    private Task<HistoryOperation> CountAsync(int key, int dice) => dice switch
    {
        < 60 => IncrementAsync(key),
        < 97 => ReadAsync(key),
        _ => DeleteAsync(key, 0),
    };

    private Task<HistoryOperation> ExpiringAsync(int key, int dice) => dice switch
    {
        < 20 => SetAsync(key, WriteCondition.None, 0, _random.Next(100, 3000)),
        < 26 => ExpireAsync(key, _random.Next(100, 2000)),
        _ => ExpireAsync(key, 0),
    };

    private Task EntryAsync(int key, int dice) => dice switch
    {
        < 35 => ReadAsync(key),
        < 40 => ExistsAsync(key),
        < 65 => SetAsync(key, WriteCondition.None, 0, 0),
        < 70 => SetAsync(key, WriteCondition.IfPresent, 0, 0),
        < 78 => GetOrAddAsync(key),
        < 83 => DeleteAsync(key, 0),
        _ => ReadAndChangeAsync(key, delete: dice >= 96),
    };

    private async Task ReadAndChangeAsync(int key, bool delete)
    {
        HistoryOperation read = await ReadAsync(key).ConfigureAwait(false);
        if (read.Outcome != HistoryOutcome.Done)
            return;
        await (delete ? DeleteAsync(key, read.Version) : SetAsync(key, WriteCondition.IfVersion, read.Version, 0)).ConfigureAwait(false);
    }

    private Task<HistoryOperation> SetAsync(int key, WriteCondition condition, ulong version, int ttlMs)
    {
        HistoryOperation ask = Ask(key, HistoryAction.Set) with { Value = NextValue(), Condition = condition, IfVersion = version, TimeToLiveMs = ttlMs };
        return recorder.CallAsync(ask, async asked =>
        {
            SetOptions options = new()
            {
                When = condition switch { WriteCondition.IfPresent => SetWhen.Present, WriteCondition.IfVersion => SetWhen.Version, _ => SetWhen.Always },
                Version = version,
                TimeToLive = ttlMs == 0 ? null : TimeSpan.FromMilliseconds(ttlMs),
            };
            SetResult set = await keyspace.SetAsync(KeyBytes(asked), Encoding.UTF8.GetBytes(asked.Value), options, _options).ConfigureAwait(false);
            return asked with { Outcome = set.Applied ? HistoryOutcome.Done : HistoryOutcome.Failed, Version = set.Version };
        });
    }

    private Task<HistoryOperation> GetOrAddAsync(int key)
    {
        HistoryOperation ask = Ask(key, HistoryAction.Set) with { Value = NextValue(), Condition = WriteCondition.IfAbsent };
        return recorder.CallAsync(ask, async asked =>
        {
            GetOrAddResult<byte[]> result = await keyspace.GetOrAddAsync(KeyBytes(asked), Encoding.UTF8.GetBytes(asked.Value), options: _options).ConfigureAwait(false);
            return result.Added
                ? asked with { Outcome = HistoryOutcome.Done, Version = result.Version }
                : asked with { Outcome = HistoryOutcome.Failed, Found = Encoding.UTF8.GetString(result.Value), Version = result.Version };
        });
    }

    private Task<HistoryOperation> DeleteAsync(int key, ulong version)
    {
        HistoryOperation ask = Ask(key, HistoryAction.Delete);
        if (version != 0)
            ask = ask with { Condition = WriteCondition.IfVersion, IfVersion = version };
        return recorder.CallAsync(ask, async asked =>
        {
            bool done = version == 0
                ? await keyspace.DeleteAsync(KeyBytes(asked), _options).ConfigureAwait(false)
                : await keyspace.DeleteIfVersionAsync(KeyBytes(asked), version, _options).ConfigureAwait(false);
            return asked with { Outcome = done ? HistoryOutcome.Done : version == 0 ? HistoryOutcome.Absent : HistoryOutcome.Failed };
        });
    }

    private Task<HistoryOperation> ExpireAsync(int key, int ttlMs) => recorder.CallAsync(Ask(key, HistoryAction.Expire) with { TimeToLiveMs = ttlMs }, async asked =>
    {
        bool done = ttlMs == 0
            ? await keyspace.PersistAsync(KeyBytes(asked), _options).ConfigureAwait(false)
            : await keyspace.ExpireAsync(KeyBytes(asked), TimeSpan.FromMilliseconds(ttlMs), _options).ConfigureAwait(false);
        return asked with { Outcome = done ? HistoryOutcome.Done : HistoryOutcome.Absent };
    });

    private Task<HistoryOperation> ExistsAsync(int key) => recorder.CallAsync(Ask(key, HistoryAction.Exists), async asked =>
        asked with { Outcome = await keyspace.ExistsAsync(KeyBytes(asked), _options).ConfigureAwait(false) ? HistoryOutcome.Done : HistoryOutcome.Absent });

    private Task<HistoryOperation> IncrementAsync(int key) => recorder.CallAsync(Ask(key, HistoryAction.Increment) with { Delta = _random.Next(1, 100) }, async asked =>
        asked with { Outcome = HistoryOutcome.Done, Number = await keyspace.IncrementAsync(KeyBytes(asked), asked.Delta, options: _options).ConfigureAwait(false) });

    private HistoryOperation Ask(int key, HistoryAction action) =>
        new() { Client = 0, CallUs = 0, Keyspace = keyspace.Name, Key = KeyOf(key), Action = action, Outcome = HistoryOutcome.Unknown };

    private string NextValue() => string.Create(CultureInfo.InvariantCulture, $"{name}.{++_written}");

    private static byte[] KeyBytes(HistoryOperation asked) => Encoding.UTF8.GetBytes(asked.Key);
}
