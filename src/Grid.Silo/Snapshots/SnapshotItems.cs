using System.Diagnostics;
using Grid.Formats.Buffers;
using Grid.Formats.Links;
using Grid.Formats.Mutations;
using Grid.Formats.Snapshots;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Storage;

namespace Grid.Silo.Snapshots;

/// <summary>
/// Makes the items of one snapshot, in their order: short slices of the scan on the primary's turns, one slice ahead; checksum,
/// compression and sealing off them, straight into the item that travels.
/// </summary>
/// <remarks>Used by one caller at a time. What it holds is bounded: two slices and one item, or one entry if that is larger.</remarks>
internal sealed class SnapshotItems : IDisposable
{
    // With cold caches an entry costs up to 1.5 us: a step is short, and a slice ends when its time is over.
    private const int StepEntries = 128;
    private const int SliceBytes = 192 << 10;
    private static readonly long SliceTicks = Stopwatch.Frequency / 4000;

    private readonly SnapshotPlan _plan;
    private readonly int _shard;
    private readonly long _epoch;
    private readonly Func<Func<bool>, Task<bool>> _onTurn;
    private readonly SnapshotPayloadEncoder _encoder;
    private readonly SnapshotWriter _writer;
    private readonly SliceSink _sink;
    private PooledBuffer _scanned = PooledBuffer.Rent(SliceBytes);
    private PooledBuffer _encoded = PooledBuffer.Rent(SliceBytes);
    private Task<bool>? _scanning;
    private State _state;
    private long _sequence = 1;
    private long _wireBytes;

    /// <param name="plan">The snapshot.</param>
    /// <param name="shard">The shard.</param>
    /// <param name="epoch">The primary's reign.</param>
    /// <param name="itemBytes">The most bytes of an item.</param>
    /// <param name="onTurn">Runs something on the primary's turn.</param>
    public SnapshotItems(SnapshotPlan plan, int shard, long epoch, int itemBytes, Func<Func<bool>, Task<bool>> onTurn)
    {
        _plan = plan;
        _shard = shard;
        _epoch = epoch;
        _onTurn = onTurn;
        _encoder = new SnapshotPayloadEncoder(plan.Announcement.Compressed ? SnapshotCodec.Lz4 : SnapshotCodec.None, checksums: true, itemBytes, LinkItem.HeadLength);
        _writer = new SnapshotWriter(_scanned);
        _sink = new SliceSink(_writer);
    }

    private enum State
    {
        Scanning,
        Finished,
        Ended,
    }

    /// <summary>What has been made so far.</summary>
    public SnapshotOutcome Outcome(int membersServed) => new(_writer.Entries, _encoder.RawBytes, _encoder.WireBytes, membersServed);

    /// <summary>An item without content: says that there will be more.</summary>
    public PooledBuffer SignOfLife()
    {
        PooledBuffer item = PooledBuffer.Rent(LinkItem.HeadLength);
        Head(LinkItemKind.SnapshotChunk).Write(item);
        LinkItem.Seal(item);
        return item;
    }

    /// <summary>The next item, the caller's to release; null behind the last one.</summary>
    public async ValueTask<PooledBuffer?> NextAsync(CancellationToken cancellation)
    {
        while (true)
        {
            if (_encoder.TryTakeChunk(out PooledBuffer? chunk))
                return Seal(chunk);
            if (_state == State.Ended)
                return null;
            if (_state == State.Finished)
                return End();
            cancellation.ThrowIfCancellationRequested();
            await EncodeSliceAsync();
        }
    }

    public void Dispose()
    {
        _encoder.Dispose();
        _encoded.Release();
    }

    private async Task EncodeSliceAsync()
    {
        bool more = await (_scanning ?? _onTurn(BeginAndScan));
        (_scanned, _encoded) = (_encoded, _scanned);
        if (more)
            _scanning = _onTurn(Scan);
        _encoder.Write(_encoded.Span);
        if (more)
            return;
        _encoder.Finish();
        _scanned.Release();
        _state = State.Finished;
    }

    private bool BeginAndScan()
    {
        SyncAnnouncement announcement = _plan.Announcement;
        _writer.Begin(new SnapshotMetadata
        {
            Shard = _shard,
            Lineage = announcement.Lineage.ToString("N"),
            BasePosition = new LogPosition(_plan.BaseEpoch, announcement.BaseOffset),
            History = announcement.History,
        });
        return ScanMore();
    }

    private bool Scan()
    {
        _scanned.Truncate(0);
        _writer.Redirect(_scanned);
        return ScanMore();
    }

    /// <summary>One slice of the scan, in the primary's turn.</summary>
    private bool ScanMore()
    {
        long end = Stopwatch.GetTimestamp() + SliceTicks;
        bool more = true;
        while (more && _scanned.Length < SliceBytes)
        {
            more = _plan.Scan.Next(_sink, StepEntries, SliceBytes - _scanned.Length);
            if (Stopwatch.GetTimestamp() >= end)
                break;
        }

        if (!more)
            _writer.End();
        return more;
    }

    private PooledBuffer Seal(PooledBuffer item)
    {
        Head(LinkItemKind.SnapshotChunk).WriteHead(item.WritableSpan[..LinkItem.HeadLength]);
        LinkItem.Seal(item);
        _wireBytes += item.Length - LinkItem.HeadLength;
        return item;
    }

    private PooledBuffer End()
    {
        PooledBuffer item = PooledBuffer.Rent(LinkItem.HeadLength + sizeof(long));
        Head(LinkItemKind.SnapshotEnd).Write(item);
        item.Write(BitConverter.GetBytes(_writer.Entries));
        LinkItem.Seal(item);
        _state = State.Ended;
        return item;
    }

    private LinkItem Head(LinkItemKind kind) => new(kind, 0, _sequence++, _epoch, 0, _plan.SnapshotId, _wireBytes, 0);

    private sealed class SliceSink(SnapshotWriter writer) : ISnapshotSink
    {
        public void OnKeyspace(int id, string name) => writer.BeginKeyspace(id, name);

        public void OnEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs, ulong version) =>
            writer.WriteEntry(key, value, expiryUnixMs, version);
    }
}

/// <summary>What a snapshot came to.</summary>
/// <param name="Entries">Entries.</param>
/// <param name="RawBytes">Bytes uncompressed.</param>
/// <param name="WireBytes">Bytes as they travelled, once for each member.</param>
/// <param name="MembersServed">Members that got all of it.</param>
internal readonly record struct SnapshotOutcome(long Entries, long RawBytes, long WireBytes, int MembersServed);
