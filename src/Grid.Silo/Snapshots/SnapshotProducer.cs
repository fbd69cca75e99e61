using System.Diagnostics;
using System.Runtime.CompilerServices;
using Grid.Formats.Buffers;
using Grid.Formats.Links;
using Grid.Formats.Mutations;
using Grid.Formats.Snapshots;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Storage;

namespace Grid.Silo.Snapshots;

/// <summary>Runs something that reads the primary's copy on the primary's turn, under the copy's gate; it calls no state machine.</summary>
internal delegate Task<bool> OnTurn(Func<bool> step);

/// <summary>
/// Makes the payload of a snapshot: short slices of the scan on the primary's turns, checksum and compression off them,
/// one slice ahead.
/// </summary>
/// <remarks>What runs ahead is bounded: one slice and one chunk.</remarks>
internal sealed class SnapshotProducer : IDisposable
{
    // With cold caches an entry costs up to 1.5 us, with warm ones a tenth of that: so a slice goes in short steps and ends when its
    // time is over. With its last step it stays within 0.5 ms of the primary's time.
    private const int StepEntries = 128;
    private const int SliceBytes = 192 << 10;
    private static readonly long SliceTicks = Stopwatch.Frequency / 4000;

    private readonly SnapshotPlan _plan;
    private readonly int _shard;
    private readonly OnTurn _onTurn;
    private readonly SnapshotPayloadEncoder _encoder;
    private readonly SnapshotWriter _writer;
    private readonly SliceSink _sink;
    private PooledBuffer _scanned = PooledBuffer.Rent(SliceBytes);
    private PooledBuffer _encoded = PooledBuffer.Rent(SliceBytes);

    public SnapshotProducer(SnapshotPlan plan, int shard, int chunkBytes, OnTurn onTurn)
    {
        _plan = plan;
        _shard = shard;
        _onTurn = onTurn;
        _encoder = new SnapshotPayloadEncoder(
            plan.Announcement.Compressed ? SnapshotCodec.Lz4 : SnapshotCodec.None, plan.Checksums, chunkBytes - LinkItem.HeadLength, headRoom: LinkItem.HeadLength);
        _writer = new SnapshotWriter(_scanned);
        _sink = new SliceSink(_writer);
    }

    /// <summary>Entries so far.</summary>
    public long Entries => _writer.Entries;

    /// <summary>Bytes so far, uncompressed.</summary>
    public long RawBytes => _encoder.RawBytes;

    /// <summary>Bytes so far, as they travel.</summary>
    public long WireBytes => _encoder.WireBytes;

    /// <summary>
    /// The payload in chunks, each behind room for an item's head; the caller gets each chunk's reference.
    /// </summary>
    public async IAsyncEnumerable<PooledBuffer> ProduceAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        Begin();
        Func<bool> slice = () => ScanSlice(cancellation);
        Task<bool> scanning = _onTurn(slice);
        try
        {
            for (bool more = true; more; cancellation.ThrowIfCancellationRequested())
            {
                more = await scanning;
                (_scanned, _encoded) = (_encoded, _scanned);
                if (more)
                    scanning = _onTurn(slice);
                _encoder.Write(_encoded.Span);
                _encoded.Truncate(0);
                if (!more)
                    _encoder.Finish();
                while (_encoder.TryTakeChunk(out PooledBuffer? chunk))
                    yield return chunk;
            }
        }
        finally
        {
            // The scan is not freed under a slice that is still to run.
            await ((Task)scanning).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        _encoder.Dispose();
        _scanned.Release();
        _encoded.Release();
    }

    private void Begin()
    {
        SyncAnnouncement announcement = _plan.Announcement;
        _writer.Begin(new SnapshotMetadata
        {
            Shard = _shard,
            Lineage = announcement.Lineage.ToString("N"),
            BasePosition = new LogPosition(_plan.BaseEpoch, announcement.BaseOffset),
            History = announcement.History,
        });
        foreach (byte[] part in _plan.Sessions.Pack())
            _writer.WriteExtra(SnapshotPlan.SessionsField, part);
    }

    /// <summary>One slice of the scan, in the primary's turn. Cancelled, it is not run any more: the reign may be over, and the store on its way out.</summary>
    private bool ScanSlice(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        long end = Stopwatch.GetTimestamp() + SliceTicks;
        bool more = true;
        _writer.Redirect(_scanned);
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

    private sealed class SliceSink(SnapshotWriter writer) : ISnapshotSink
    {
        public void OnKeyspace(int id, string name) => writer.BeginKeyspace(id, name);

        public void OnEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs, ulong version) =>
            writer.WriteEntry(key, value, expiryUnixMs, version);
    }
}
