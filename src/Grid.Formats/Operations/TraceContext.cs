using System.Runtime.CompilerServices;

namespace Grid.Formats.Operations;

/// <summary>
/// The span of whoever sent a batch, at the blob's end: trace id, span id and flags of W3C Trace Context, 25 bytes. Only in batches
/// that are traced.
/// </summary>
public struct TraceContext
{
    /// <summary>Bytes of it.</summary>
    public const int Length = 25;

    private const int SpanAt = 16;
    private const int FlagsAt = 24;

    private Bytes _bytes;

    /// <summary>The trace.</summary>
    [System.Diagnostics.CodeAnalysis.UnscopedRef]
    public Span<byte> TraceId => ((Span<byte>)_bytes)[..SpanAt];

    /// <summary>The span.</summary>
    [System.Diagnostics.CodeAnalysis.UnscopedRef]
    public Span<byte> SpanId => ((Span<byte>)_bytes)[SpanAt..FlagsAt];

    /// <summary>W3C trace flags: 1 = sampled.</summary>
    public byte Flags
    {
        readonly get => _bytes[FlagsAt];
        set => _bytes[FlagsAt] = value;
    }

    /// <summary>Reads it; <paramref name="from"/> is exactly its bytes.</summary>
    internal static TraceContext Read(ReadOnlySpan<byte> from)
    {
        TraceContext context = default;
        from.CopyTo(context._bytes);
        return context;
    }

    /// <summary>Writes it.</summary>
    internal readonly void Write(Span<byte> to) => ((ReadOnlySpan<byte>)_bytes).CopyTo(to);

    [InlineArray(Length)]
    private struct Bytes
    {
        private byte _first;
    }
}
