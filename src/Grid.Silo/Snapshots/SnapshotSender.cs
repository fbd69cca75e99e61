using Grid.Formats.Buffers;
using Grid.Formats.Links;
using Grid.Formats.Mutations;
using Grid.Formats.Snapshots;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Storage;
using Orleans.Streams;

namespace Grid.Silo.Snapshots;

/// <summary>
/// Sends one snapshot to its cohort: short slices of the scan on the primary's turns, checksum, compression and sending
/// off them, one slice ahead. Each piece is encoded once, whatever the size of the cohort.
/// </summary>
/// <remarks>
/// A member that takes nothing for the stall time is left behind; the others go on. What runs ahead is bounded: one
/// slice, one chunk, and what the streams hold.
/// </remarks>
internal sealed class SnapshotSender
{
    // With cold caches an entry costs up to 1.5 us: a slice stays within 0.5 ms of the primary's time.
    private const int SliceEntries = 256;
    private const int SliceBytes = 256 << 10;

    private readonly SnapshotPlan _plan;
    private readonly SnapshotSenderSetting _setting;
    private readonly Member[] _everyone;
    private readonly List<Member> _members;
    private readonly SnapshotWriter _writer;
    private readonly SliceSink _sink;
    private PooledBuffer _slice = PooledBuffer.Rent(SliceBytes + 4096);
    private long _sequence = 1;
    private long _wireBytes;

    public SnapshotSender(SnapshotPlan plan, SnapshotSenderSetting setting)
    {
        _plan = plan;
        _setting = setting;
        _everyone = [.. plan.Members.Select(member => new Member(member, setting.StreamOf(member.Silo)))];
        _members = [.. _everyone];
        _writer = new SnapshotWriter(_slice);
        _sink = new SliceSink(_writer);
    }

    /// <summary>Runs off the grain until the snapshot is sent, nobody is left to take it, or it is cancelled.</summary>
    public async Task<SnapshotOutcome> RunAsync(CancellationToken cancellation)
    {
        SyncAnnouncement announcement = _plan.Announcement;
        using SnapshotPayloadEncoder encoder = new(announcement.Compressed ? SnapshotCodec.Lz4 : SnapshotCodec.None, checksums: true, _setting.ChunkBytes);
        foreach (Member member in _members.ToArray())
            await SendAsync(member, announcement.ToItem(member.Identity.Attach, 0, _setting.Epoch, committed: 0), cancellation);

        Begin();
        Task<bool> scanning = _setting.OnTurn(ScanSlice);
        bool more = true;
        while (more && _members.Count > 0)
        {
            more = await scanning;
            PooledBuffer slice = _slice;
            if (more)
            {
                _slice = PooledBuffer.Rent(SliceBytes + 4096);
                scanning = _setting.OnTurn(ScanSlice);
            }

            encoder.Write(slice.Span);
            slice.Release();
            await SendChunksAsync(encoder, cancellation);
            cancellation.ThrowIfCancellationRequested();
        }

        encoder.Finish();
        await SendChunksAsync(encoder, cancellation);
        await SendEndAsync(cancellation);
        SnapshotOutcome outcome = new(_writer.Entries, encoder.RawBytes, encoder.WireBytes, _members.Count);
        SnapshotInstruments.OnSent(outcome);
        return outcome;
    }

    /// <summary>A member's link has ended: it gets nothing more. From any thread.</summary>
    public void Leave(string silo)
    {
        foreach (Member member in _everyone.Where(member => member.Identity.Silo == silo))
            member.HasLeft = true;
    }

    /// <summary>Frees the scan; on a turn, like everything that touches the store.</summary>
    public bool EndScan()
    {
        _plan.Scan.Dispose();
        return true;
    }

    private void Begin()
    {
        SyncAnnouncement announcement = _plan.Announcement;
        _writer.Begin(new SnapshotMetadata
        {
            Shard = _setting.Shard,
            Lineage = announcement.Lineage.ToString("N"),
            BasePosition = new LogPosition(_plan.BaseEpoch, announcement.BaseOffset),
            History = announcement.History,
        });
    }

    /// <summary>One slice of the scan, in the primary's turn.</summary>
    private bool ScanSlice()
    {
        _writer.Redirect(_slice);
        bool more = _plan.Scan.Next(_sink, SliceEntries, SliceBytes);
        if (!more)
            _writer.End();
        return more;
    }

    private async Task SendChunksAsync(SnapshotPayloadEncoder encoder, CancellationToken cancellation)
    {
        while (encoder.TryTakeChunk(out PooledBuffer? chunk))
        {
            PooledBuffer item = PooledBuffer.Rent(LinkItem.HeadLength + chunk.Length);
            new LinkItem(LinkItemKind.SnapshotChunk, 0, _sequence++, _setting.Epoch, 0, _plan.SnapshotId, _wireBytes, 0).Write(item);
            item.Write(chunk.Span);
            LinkItem.Seal(item);
            _wireBytes += chunk.Length;
            chunk.Release();
            await SendToAllAsync(item, cancellation);
        }
    }

    private Task SendEndAsync(CancellationToken cancellation)
    {
        PooledBuffer item = PooledBuffer.Rent(LinkItem.HeadLength + sizeof(long));
        new LinkItem(LinkItemKind.SnapshotEnd, 0, _sequence, _setting.Epoch, 0, _plan.SnapshotId, _wireBytes, 0).Write(item);
        item.Write(BitConverter.GetBytes(_writer.Entries));
        LinkItem.Seal(item);
        return SendToAllAsync(item, cancellation);
    }

    private async Task SendToAllAsync(PooledBuffer item, CancellationToken cancellation)
    {
        for (int i = _members.Count - 1; i >= 0; i--)
            await SendAsync(_members[i], item.Retain(), cancellation);
        item.Release();
    }

    private async Task SendAsync(Member member, PooledBuffer item, CancellationToken cancellation)
    {
        if (member.HasLeft)
        {
            _members.Remove(member);
            item.Release();
            return;
        }

        try
        {
            SnapshotInstruments.OnItem(item.Length);
            Task sending = member.Stream.OnNextAsync(item);
            if (!sending.IsCompletedSuccessfully)
                await sending.WaitAsync(_setting.StallTime, cancellation);
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            _members.Remove(member);
            string reason = failure is TimeoutException ? $"it took nothing of the snapshot for {_setting.StallTime.TotalMilliseconds} ms" : failure.Message;
            await _setting.OnTurn(() => _setting.MemberFailed(member.Identity, reason));
        }
    }

    private sealed class Member(SnapshotMember identity, IAsyncStream<PooledBuffer> stream)
    {
        private volatile bool _hasLeft;

        public SnapshotMember Identity { get; } = identity;

        public IAsyncStream<PooledBuffer> Stream { get; } = stream;

        public bool HasLeft
        {
            get => _hasLeft;
            set => _hasLeft = value;
        }
    }

    private sealed class SliceSink(SnapshotWriter writer) : ISnapshotSink
    {
        public void OnKeyspace(int id, string name) => writer.BeginKeyspace(id, name);

        public void OnEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs, ulong version) =>
            writer.WriteEntry(key, value, expiryUnixMs, version);
    }
}

/// <summary>What a snapshot's sender needs of its surroundings.</summary>
internal sealed record SnapshotSenderSetting
{
    public required int Shard { get; init; }

    public required long Epoch { get; init; }

    public required int ChunkBytes { get; init; }

    /// <summary>A member that takes nothing for this long is left behind.</summary>
    public required TimeSpan StallTime { get; init; }

    /// <summary>The snapshot stream of the replica on a silo.</summary>
    public required Func<string, IAsyncStream<PooledBuffer>> StreamOf { get; init; }

    /// <summary>Runs something on the primary's turn, under the copy's gate.</summary>
    public required Func<Func<bool>, Task<bool>> OnTurn { get; init; }

    /// <summary>Says, on the turn, that a member was left behind.</summary>
    public required Func<SnapshotMember, string, bool> MemberFailed { get; init; }
}

/// <summary>What a snapshot came to.</summary>
/// <param name="Entries">Entries.</param>
/// <param name="RawBytes">Bytes uncompressed.</param>
/// <param name="WireBytes">Bytes as they travelled, once for each member.</param>
/// <param name="MembersServed">Members that got all of it.</param>
internal readonly record struct SnapshotOutcome(long Entries, long RawBytes, long WireBytes, int MembersServed);
