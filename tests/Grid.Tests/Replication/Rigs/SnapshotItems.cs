using Grid.Formats.Buffers;
using Grid.Formats.Links;
using Grid.Formats.Mutations;
using Grid.Formats.Snapshots;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Storage;

namespace Grid.Tests.Replication.Rigs;

/// <summary>Makes the payload of a snapshot as the runtime does, without the runtime: slices of the real scan through the real encoder.</summary>
internal sealed class SnapshotPayload : ISnapshotSink, IDisposable
{
    private readonly SnapshotPlan _plan;
    private readonly PooledBuffer _slice = PooledBuffer.Rent(4096);
    private readonly SnapshotWriter _writer;
    private readonly SnapshotPayloadEncoder _encoder;
    private readonly MemoryStream _payload = new();

    public SnapshotPayload(SnapshotPlan plan, int shard)
    {
        _plan = plan;
        _writer = new SnapshotWriter(_slice);
        _encoder = new SnapshotPayloadEncoder(plan.Announcement.Compressed ? SnapshotCodec.Lz4 : SnapshotCodec.None, plan.Checksums, SnapshotPayloadEncoder.ChunkBytesMin);
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

    /// <summary>Bytes of the payload as the encoder counts them.</summary>
    public long EncodedBytes => _encoder.WireBytes;

    /// <summary>Takes one slice of the scan; false once that was the last one.</summary>
    public bool Scan(int entriesMax)
    {
        bool more = _plan.Scan.Next(this, entriesMax, int.MaxValue);
        if (!more)
            _writer.End();
        _encoder.Write(_slice.Span);
        _slice.Truncate(0);
        if (!more)
            _encoder.Finish();
        while (_encoder.TryTakeChunk(out PooledBuffer? chunk))
        {
            _payload.Write(chunk.Span);
            chunk.Release();
        }

        return more;
    }

    public byte[] ToArray() => _payload.ToArray();

    public void Dispose()
    {
        _plan.Scan.Dispose();
        _encoder.Dispose();
        _payload.Dispose();
        _slice.Release();
    }

    void ISnapshotSink.OnKeyspace(int id, string name) => _writer.BeginKeyspace(id, name);

    void ISnapshotSink.OnEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs, ulong version) =>
        _writer.WriteEntry(key, value, expiryUnixMs, version);
}

/// <summary>The items in which a payload travels, the same ones for a whole cohort.</summary>
internal sealed class SnapshotItems(SyncAnnouncement announcement, long epoch)
{
    private long _sequence = 1;

    /// <summary>Bytes of the pieces so far.</summary>
    public long SentBytes { get; private set; }

    /// <summary>The item that carries the next piece of the payload.</summary>
    public PooledBuffer Piece(ReadOnlySpan<byte> piece, long committed)
    {
        PooledBuffer item = PooledBuffer.Rent(LinkItem.HeadLength + piece.Length);
        new LinkItem(LinkItemKind.SnapshotChunk, 0, _sequence++, epoch, committed, announcement.SnapshotId, SentBytes, 0).Write(item);
        item.Write(piece);
        LinkItem.Seal(item);
        SentBytes += piece.Length;
        return item;
    }

    /// <summary>The item that says that all pieces have been sent.</summary>
    public PooledBuffer End(long entries, long committed)
    {
        PooledBuffer item = PooledBuffer.Rent(LinkItem.HeadLength + sizeof(long));
        new LinkItem(LinkItemKind.SnapshotEnd, 0, _sequence++, epoch, committed, announcement.SnapshotId, SentBytes, 0).Write(item);
        item.Write(BitConverter.GetBytes(entries));
        LinkItem.Seal(item);
        return item;
    }
}
