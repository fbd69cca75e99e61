using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using Grid.Formats.Buffers;

namespace Grid.Formats.Snapshots;

/// <summary>Collects bytes in pooled buffers of a bounded size, behind room that each is to have at its front.</summary>
internal sealed class ChunkSink(int chunkBytes, int headRoom) : IBufferWriter<byte>, IDisposable
{
    private readonly Queue<PooledBuffer> _full = new();
    private PooledBuffer? _current;

    public void Advance(int count) => _current!.Advance(count);

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        int room = Reserve(sizeHint);
        return _current!.GetSpan()[..room];
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        int room = Reserve(sizeHint);
        return _current!.GetMemory()[..room];
    }

    /// <summary>Makes the chunk begun a full one.</summary>
    public void EndChunk()
    {
        if (_current is { } chunk && chunk.Length > headRoom)
        {
            _full.Enqueue(chunk);
            _current = null;
        }
    }

    /// <summary>Hands out the oldest full chunk; it is the caller's from now on.</summary>
    public bool TryTake([NotNullWhen(true)] out PooledBuffer? chunk) => _full.TryDequeue(out chunk);

    public void Dispose()
    {
        _current?.Release();
        _current = null;
        while (_full.TryDequeue(out PooledBuffer? chunk))
            chunk.Release();
    }

    private int Reserve(int sizeHint)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sizeHint, chunkBytes);
        int most = headRoom + chunkBytes;
        if (_current is not null && most - _current.Length < Math.Max(sizeHint, 1))
            EndChunk();
        if (_current is null)
        {
            _current = PooledBuffer.Rent(most);
            _current.GetSpan(headRoom)[..headRoom].Clear();
            _current.Advance(headRoom);
        }

        return most - _current.Length;
    }
}
