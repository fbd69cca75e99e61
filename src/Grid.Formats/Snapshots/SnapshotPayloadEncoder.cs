using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using Grid.Formats.Buffers;
using Grid.Formats.Checksums;
using Grid.Formats.Lz4;
using Grid.Formats.Rdb;
using Grid.Formats.Vcs;

namespace Grid.Formats.Snapshots;

/// <summary>
/// Second stage of a snapshot: takes the bytes of <see cref="SnapshotWriter"/>, closes them with their checksum, compresses
/// them if wanted, and cuts the result into chunks.
/// </summary>
/// <remarks>
/// Plain payloads end with the RDB file's CRC-64; in a VCS frame, whose own checksums replace it, it is zero. Without
/// checksums it is zero as well. Allocates nothing per call but the chunks, which come from the pool. Not thread-safe.
/// </remarks>
public sealed class SnapshotPayloadEncoder : IDisposable
{
    /// <summary>The smallest chunk size: room for a whole block, and for a head within a power of two.</summary>
    public const int ChunkBytesMin = (128 << 10) - (1 << 10);

    private readonly ChunkSink _sink;
    private readonly VcsFrameWriter? _frame;
    private readonly bool _checksums;
    private ulong _crc;
    private long _plainBytes;
    private bool _finished;

    /// <summary>An encoder of one snapshot.</summary>
    /// <param name="codec">How it travels.</param>
    /// <param name="checksums">Whether it carries checksums.</param>
    /// <param name="chunkBytes">The most bytes of payload in a chunk, at least <see cref="ChunkBytesMin"/>. With the head room a power of two suits the pool.</param>
    /// <param name="headRoom">Bytes left free at the front of each chunk, for whoever puts a head before it.</param>
    public SnapshotPayloadEncoder(SnapshotCodec codec, bool checksums = true, int chunkBytes = 256 << 10, int headRoom = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(chunkBytes, ChunkBytesMin);
        ArgumentOutOfRangeException.ThrowIfNegative(headRoom);
        _sink = new ChunkSink(chunkBytes, headRoom);
        _checksums = checksums;
        if (codec == SnapshotCodec.Lz4)
            _frame = new VcsFrameWriter(_sink, VcsStreamKind.Snapshot, Lz4FrameSettings.For(VcsStreamKind.Snapshot, checksums));
    }

    /// <summary>The number of bytes of the RDB file so far; after <see cref="Finish"/> its length.</summary>
    public long RawBytes => _frame?.RawBytes ?? _plainBytes;

    /// <summary>The number of bytes in chunks so far; after <see cref="Finish"/> the payload's length.</summary>
    public long WireBytes => _frame?.WireBytes ?? _plainBytes;

    /// <summary>Takes the next bytes of the RDB file.</summary>
    /// <exception cref="InvalidOperationException">The payload is finished.</exception>
    public void Write(ReadOnlySpan<byte> raw)
    {
        if (_finished)
            throw new InvalidOperationException("This snapshot payload is finished.");
        if (_frame is not null)
        {
            _frame.Write(raw);
            return;
        }

        if (_checksums)
            _crc = Crc64Jones.Append(_crc, raw);
        _sink.Write(raw);
        _plainBytes += raw.Length;
    }

    /// <summary>Says that the RDB file's end mark has been written: adds its checksum and closes the payload.</summary>
    public void Finish()
    {
        if (_finished)
            return;
        if (_frame is not null)
        {
            ReadOnlySpan<byte> noChecksum = [0, 0, 0, 0, 0, 0, 0, 0];
            _frame.Write(noChecksum);
            _frame.Finish();
        }
        else
        {
            RdbWriter.WriteChecksum(_sink, _crc);
            _plainBytes += RdbFormat.ChecksumBytes;
        }

        _finished = true;
        _sink.EndChunk();
    }

    /// <summary>
    /// Hands out the next chunk, if one is full or the payload is finished. It is the caller's, who releases it.
    /// </summary>
    public bool TryTakeChunk([NotNullWhen(true)] out PooledBuffer? chunk) => _sink.TryTake(out chunk);

    /// <summary>Gives the encoder's memory and the chunks not taken back.</summary>
    public void Dispose()
    {
        _frame?.Dispose();
        _sink.Dispose();
    }
}
