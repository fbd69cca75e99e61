using System.Buffers;

namespace Grid.Client;

/// <summary>Writes and reads the values of typed keyspaces, and keys that have no natural form.</summary>
/// <remarks>
/// Must be thread-safe. A key's bytes decide its shard and its identity: a type used as a key must always give the same
/// bytes for equal keys.
/// </remarks>
public interface IGridSerializer
{
    /// <summary>Appends the bytes of <paramref name="value"/> to <paramref name="destination"/>.</summary>
    void Serialize<T>(T value, IBufferWriter<byte> destination);

    /// <summary>Makes the value out of its bytes, which are valid during the call only.</summary>
    T Deserialize<T>(ReadOnlySpan<byte> source);
}
