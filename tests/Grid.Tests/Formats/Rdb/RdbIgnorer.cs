using Grid.Formats.Rdb;

namespace Grid.Tests.Formats.Rdb;

/// <summary>Takes everything and keeps nothing.</summary>
internal sealed class RdbIgnorer : IRdbHandler
{
    public void OnSelectDb(int database)
    {
    }

    public void OnSkipped(string typeName, ReadOnlySpan<byte> key)
    {
    }

    public void OnString(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long? expiryUnixMs)
    {
    }
}
