using System.Runtime.CompilerServices;
using Grid.Client.Operations;
using Grid.Client.Routing;
using Grid.Formats.Binary;
using Grid.Formats.Operations;

namespace Grid.Client.Keyspaces;

/// <summary>Walks through a keyspace, one shard after the other, the next page under way while one is handed out.</summary>
internal static class Scan
{
    private const int PageEntriesMax = 100_000;
    private const int PageBytesMin = 1024;
    private const int PageBytesMax = 16 * 1024 * 1024;

    /// <summary>Makes key and value out of their bytes, which stay valid as long as they are referenced.</summary>
    public delegate (TKey Key, TValue? Value) Convert<TKey, TValue>(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value);

    /// <summary>Checks the arguments at once, then walks.</summary>
    public static IAsyncEnumerable<ScanEntry<TKey, TValue>> Run<TKey, TValue>(
        KeyspaceCalls calls, ScanOptions scan, CallOptions options, Convert<TKey, TValue> convert, CancellationToken token)
    {
        CallSettings settings = calls.Settings(options);
        int entriesMax = Checks.InRange(scan.PageEntries, ScanOptions.PageEntriesDefault, 1, PageEntriesMax, nameof(ScanOptions.PageEntries));
        int bytesMax = Checks.InRange(scan.PageBytes, ScanOptions.PageBytesDefault, PageBytesMin, PageBytesMax, nameof(ScanOptions.PageBytes));
        if (scan.Prefix.Length > GridLimits.KeyBytesMax)
            throw new ArgumentException($"A prefix of {scan.Prefix.Length} bytes is longer than any key ({GridLimits.KeyBytesMax}).", nameof(scan));
        return Walk(calls, scan, settings, entriesMax, bytesMax, convert, token, default);
    }

    private static async IAsyncEnumerable<ScanEntry<TKey, TValue>> Walk<TKey, TValue>(
        KeyspaceCalls calls,
        ScanOptions scan,
        CallSettings settings,
        int entriesMax,
        int bytesMax,
        Convert<TKey, TValue> convert,
        CancellationToken callToken,
        [EnumeratorCancellation] CancellationToken loopToken)
    {
        using CancellationTokenSource? both = callToken.CanBeCanceled && loopToken.CanBeCanceled
            ? CancellationTokenSource.CreateLinkedTokenSource(callToken, loopToken)
            : null;
        CancellationToken token = both?.Token ?? (callToken.CanBeCanceled ? callToken : loopToken);
        await calls.Dispatcher.OpenAsync(settings.TimeoutMs, token);
        int shards = calls.Dispatcher.ShardCount;
        bool tagged = ShardHash.TryGetTag(scan.Prefix.Span, out _);
        int shard = tagged ? ShardHash.Shard(scan.Prefix.Span, shards) : 0;
        int end = tagged ? shard + 1 : shards;
        List<ScanEntry<TKey, TValue>> entries = [];
        ValueTask<byte[]> coming = calls.ScanPage(shard, 0, scan, entriesMax, bytesMax, Readers.Page, settings, token);
        while (shard < end)
        {
            byte[] page = await coming;
            (ulong cursor, bool done) = Read(calls, page, scan.KeysOnly, shard, convert, entries);
            if (done)
                (shard, cursor) = (shard + 1, 0);
            if (shard < end)
                coming = calls.ScanPage(shard, cursor, scan, entriesMax, bytesMax, Readers.Page, settings, token);
            foreach (ScanEntry<TKey, TValue> entry in entries)
                yield return entry;
        }
    }

    private static (ulong Cursor, bool Done) Read<TKey, TValue>(
        KeyspaceCalls calls, byte[] page, bool keysOnly, int shard, Convert<TKey, TValue> convert, List<ScanEntry<TKey, TValue>> entries)
    {
        entries.Clear();
        try
        {
            ScanPageReader reader = new(page);
            while (reader.TryRead(out ReadOnlySpan<byte> key, out ReadOnlySpan<byte> value, out ulong version, out long expiryUnixMs))
            {
                (TKey k, TValue? v) = convert(Within(page, key), Within(page, value));
                entries.Add(new ScanEntry<TKey, TValue>(k, keysOnly ? default : v, version, Readers.ExpiresAt(expiryUnixMs)));
            }

            return (reader.Cursor, reader.Done);
        }
        catch (Exception e) when (e is MalformedException or not GridException)
        {
            throw new GridSerializationException(
                $"An entry met by a scan of keyspace '{calls.Name}' (shard {shard}) could not be read as the types asked for: {e.Message} Scan it as bytes to find it.", e)
            { Shard = shard, Keyspace = calls.Name };
        }
    }

    private static ReadOnlyMemory<byte> Within(byte[] page, ReadOnlySpan<byte> part)
    {
        if (part.IsEmpty)
            return default;
        nint offset = Unsafe.ByteOffset(ref page[0], ref Unsafe.AsRef(in part[0]));
        return page.AsMemory((int)offset, part.Length);
    }
}
