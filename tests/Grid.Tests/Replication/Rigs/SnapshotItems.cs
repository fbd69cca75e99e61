using System.Diagnostics.CodeAnalysis;
using Grid.Formats.Buffers;
using Grid.Formats.Links;
using Grid.Formats.Mutations;
using Grid.Formats.Snapshots;
using Grid.Replication.Primary;
using Grid.Storage;

namespace Grid.Tests.Replication.Rigs;

/// <summary>
/// A snapshot as the runtime makes it, without the runtime: slices of the real scan go through the real encoder, and the
/// payload leaves in the items that a cohort gets.
/// </summary>
internal sealed class SnapshotItems : ISnapshotSink, IDisposable
{
    private readonly SnapshotPlan _plan;
    private readonly long _epoch;
    private readonly PooledBuffer _slice = PooledBuffer.Rent(4096);
    private readonly SnapshotWriter _writer;
    private readonly SnapshotPayloadEncoder _encoder;
    private long _sequence = 1;

    public SnapshotItems(SnapshotPlan plan, int shard, long epoch, bool checksums = true)
    {
        _plan = plan;
        _epoch = epoch;
        _writer = new SnapshotWriter(_slice);
        _encoder = new SnapshotPayloadEncoder(plan.Announcement.Compressed ? SnapshotCodec.Lz4 : SnapshotCodec.None, checksums, SnapshotPayloadEncoder.ChunkBytesMin);
        _writer.Begin(new SnapshotMetadata
        {
            Shard = shard,
            Lineage = plan.Announcement.Lineage.ToString(),
            BasePosition = new LogPosition(plan.BaseEpoch, plan.Announcement.BaseOffset),
            History = plan.Announcement.History,
        });
    }

    /// <summary>Entries written so far.</summary>
    public long Entries => _writer.Entries;

    /// <summary>Bytes of the payload as the encoder made it.</summary>
    public long EncodedBytes => _encoder.WireBytes;

    /// <summary>Bytes of the pieces so far.</summary>
    public long SentBytes { get; private set; }

    /// <summary>Takes one slice of the scan; false once that was the last one.</summary>
    public bool Scan(int entriesMax, int bytesMax)
    {
        bool more = _plan.Scan.Next(this, entriesMax, bytesMax);
        if (!more)
            _writer.End();
        _encoder.Write(_slice.Span);
        _slice.Truncate(0);
        if (!more)
            _encoder.Finish();
        return more;
    }

    public bool TryTakeChunk([NotNullWhen(true)] out PooledBuffer? chunk) => _encoder.TryTakeChunk(out chunk);

    /// <summary>The item that carries the next piece of the payload.</summary>
    public PooledBuffer Piece(ReadOnlySpan<byte> piece, long committed)
    {
        PooledBuffer item = PooledBuffer.Rent(LinkItem.HeadLength + piece.Length);
        new LinkItem(LinkItemKind.SnapshotChunk, 0, _sequence++, _epoch, committed, _plan.SnapshotId, SentBytes, 0).Write(item);
        item.Write(piece);
        LinkItem.Seal(item);
        SentBytes += piece.Length;
        return item;
    }

    /// <summary>The item that says that all pieces have been sent.</summary>
    public PooledBuffer End(long committed)
    {
        PooledBuffer item = PooledBuffer.Rent(LinkItem.HeadLength + sizeof(long));
        new LinkItem(LinkItemKind.SnapshotEnd, 0, _sequence++, _epoch, committed, _plan.SnapshotId, SentBytes, 0).Write(item);
        item.Write(BitConverter.GetBytes(_writer.Entries));
        LinkItem.Seal(item);
        return item;
    }

    public void Dispose()
    {
        _plan.Scan.Dispose();
        _encoder.Dispose();
        _slice.Release();
    }

    void ISnapshotSink.OnKeyspace(int id, string name) => _writer.BeginKeyspace(id, name);

    void ISnapshotSink.OnEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs, ulong version) =>
        _writer.WriteEntry(key, value, expiryUnixMs, version);
}
