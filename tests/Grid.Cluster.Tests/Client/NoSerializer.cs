using System.Buffers;
using Grid.Client;

namespace Grid.Cluster.Tests.Client;

/// <summary>For clients that deal in bytes only.</summary>
internal sealed class NoSerializer : IGridSerializer
{
    public void Serialize<T>(T value, IBufferWriter<byte> destination) => throw new NotSupportedException($"no serializer for {typeof(T)}");

    public T Deserialize<T>(ReadOnlySpan<byte> source) => throw new NotSupportedException($"no serializer for {typeof(T)}");
}
