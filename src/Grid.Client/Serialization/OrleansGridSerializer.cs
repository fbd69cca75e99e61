using System.Buffers;
using Orleans.Serialization;

namespace Grid.Client.Serialization;

/// <summary>Orleans' serializer: for every type that it can send between grains.</summary>
internal sealed class OrleansGridSerializer(Serializer serializer) : IGridSerializer
{
    public void Serialize<T>(T value, IBufferWriter<byte> destination) => serializer.Serialize(value, destination);

    public T Deserialize<T>(ReadOnlySpan<byte> source) => serializer.Deserialize<T>(source)!;
}
