using System.Buffers;
using Grid.Client.Local;
using Grid.Client.Routing;
using Grid.Formats.Mutations;
using Grid.Replication.Copies;
using Grid.Silo.Services;
using Grid.Silo.Telemetry;
using Grid.Storage;
using Microsoft.Extensions.Options;

namespace Grid.Silo.Copies;

/// <summary>Local reads: looks entries up in this silo's copies, replicas' and primaries', without their grains.</summary>
/// <remarks>
/// <para>
/// No lock and no reference count keeps the copy: it is read as the store allows any thread to, and what was read is believed only if
/// the copy is still the silo's copy of its shard afterwards. A load that puts another one in place, and a silo that gives the
/// copy up, do so before they free it, so whoever reads what is being freed finds that out.
/// </para>
/// <para>
/// Only committed data are told. A replica has applied nothing else; on a primary's copy an entry whose version is not committed,
/// and an absence while anything is uncommitted, are left to the primary. Freshness is looked at before and after: a copy that a
/// primary adopts loses it before its tail is applied.
/// </para>
/// </remarks>
internal sealed class LocalCopies(CopyHost host, LocalReadCounters counters, IOptions<GridOptions> options) : ILocalCopies
{
    private readonly int _shardCount = options.Value.ShardCount;

    public bool TryRead(string keyspace, ReadOnlySpan<byte> key, long maxStalenessMs, IBufferWriter<byte>? value, out LocalEntry entry)
    {
        int shard = ShardHash.Shard(key, _shardCount);
        LocalReadOutcome outcome = host.Find(shard) is { IsFreed: false } hosted
            ? Read(hosted, keyspace, key, maxStalenessMs, value, out entry)
            : None(out entry);
        counters.Count(outcome);
        return outcome == LocalReadOutcome.Answered;
    }

    private static LocalReadOutcome Read(
        HostedCopy hosted, string keyspace, ReadOnlySpan<byte> key, long maxStalenessMs, IBufferWriter<byte>? value, out LocalEntry entry)
    {
        entry = default;
        ShardCopy copy = hosted.Copy;
        (long monotonicMs, long unixMs) = SiloClock.Now;
        long freshFromMs = monotonicMs - maxStalenessMs;
        if (copy.State != CopyState.Complete || copy.FreshAtMs < freshFromMs)
            return LocalReadOutcome.Stale;

        SharedReadStatus status = SharedReadStatus.NotFound;
        ulong version = 0;
        long expiryMs = 0;
        if (copy.Store.Find(keyspace) is { } data)
            status = data.TryReadShared(key, KeyHash.Compute(key), unixMs, value, out version, out expiryMs);
        if (status == SharedReadStatus.Busy)
            return LocalReadOutcome.Busy;
        bool committed = status == SharedReadStatus.Found
            ? EntryVersion.Offset(version) <= copy.CommittedSeen
            : copy.Applied <= copy.CommittedSeen;
        if (!committed)
            return LocalReadOutcome.Uncommitted;
        if (hosted.IsFreed || hosted.Copy != copy || copy.State != CopyState.Complete || copy.FreshAtMs < freshFromMs)
            return LocalReadOutcome.Stale;
        entry = new LocalEntry(status == SharedReadStatus.Found, version, expiryMs, copy.Shard);
        return LocalReadOutcome.Answered;
    }

    private static LocalReadOutcome None(out LocalEntry entry)
    {
        entry = default;
        return LocalReadOutcome.NoCopy;
    }
}
