using System.Buffers;

namespace Grid.Client.Serialization;

/// <summary>A growing buffer of one thread, in which keys and values are written before they are copied into a batch.</summary>
internal sealed class ScratchWriter : IBufferWriter<byte>
{
    private const int KeptBytesMax = 1024 * 1024;

    [ThreadStatic]
    private static ScratchWriter? _mine;

    private byte[] _bytes = new byte[512];
    private bool _taken;

    /// <summary>Bytes written.</summary>
    public int Length { get; private set; }

    /// <summary>What was written.</summary>
    public ReadOnlyMemory<byte> Memory => _bytes.AsMemory(0, Length);

    /// <summary>This thread's, empty. A serializer that uses the grid while it writes gets another one.</summary>
    public static ScratchWriter Take()
    {
        ScratchWriter writer = _mine ??= new();
        if (writer._taken)
            writer = new();
        writer._taken = true;
        writer.Length = 0;
        return writer;
    }

    /// <summary>Gives it back.</summary>
    public void Return()
    {
        _taken = false;
        if (_bytes.Length > KeptBytesMax)
            _bytes = new byte[512];
    }

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _bytes.Length - Length);
        Length += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        EnsureRoom(sizeHint);
        return _bytes.AsMemory(Length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        EnsureRoom(sizeHint);
        return _bytes.AsSpan(Length);
    }

    private void EnsureRoom(int sizeHint)
    {
        int needed = Math.Max(sizeHint, 1);
        if (_bytes.Length - Length < needed)
            Array.Resize(ref _bytes, (int)Math.Min(Math.Max((long)Length + needed, 2L * _bytes.Length), Array.MaxLength));
    }
}
