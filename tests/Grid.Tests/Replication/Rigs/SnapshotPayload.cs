using System.Diagnostics.CodeAnalysis;
using Grid.Formats.Buffers;
using Grid.Formats.Mutations;
using Grid.Formats.Snapshots;
using Grid.Replication.Primary;
using Grid.Storage;

namespace Grid.Tests.Replication.Rigs;

/// <summary>
/// Makes the payload of a snapshot as the runtime does, in steps of the caller's: slices of the real scan through the real
/// encoder. For the stage and the simulation.
/// </summary>
internal sealed class SnapshotPayload : ISnapshotSink, IDisposable
{
    private readonly SnapshotPlan _plan;
    private readonly PooledBuffer _slice = PooledBuffer.Rent(4096);
    private readonly SnapshotWriter _writer;
    private readonly SnapshotPayloadEncoder _encoder;
    private bool _isDisposed;

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
        foreach (byte[] part in plan.Sessions.Pack())
            _writer.WriteExtra(SnapshotPlan.SessionsField, part);
    }

    /// <summary>Entries written so far.</summary>
    public long Entries => _writer.Entries;

    /// <summary>Bytes of the payload as the encoder counts them.</summary>
    public long EncodedBytes => _encoder.WireBytes;

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

    /// <summary>The next part of the payload, which is the caller's.</summary>
    public bool TryTakeChunk([NotNullWhen(true)] out PooledBuffer? chunk) => _encoder.TryTakeChunk(out chunk);

    /// <summary>Frees the scan and the memory; may be called again.</summary>
    public void Dispose()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        _plan.Scan.Dispose();
        _encoder.Dispose();
        _slice.Release();
    }

    void ISnapshotSink.OnKeyspace(int id, string name) => _writer.BeginKeyspace(id, name);

    void ISnapshotSink.OnEntry(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long expiryUnixMs, ulong version) =>
        _writer.WriteEntry(key, value, expiryUnixMs, version);
}
