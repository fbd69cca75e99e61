using Grid.Streams;

namespace Grid.Cluster.Tests.Replication;

/// <summary>The wire under all streams, which can be cut: nothing arrives any more, and nobody is told.</summary>
internal sealed class StreamWire : IGridStreamFaults
{
    private bool _cut;

    public bool IsCut
    {
        set => Volatile.Write(ref _cut, value);
    }

    public GridStreamFault OnItem(StreamId streamId, ReadOnlySpan<byte> bytes) =>
        new(Volatile.Read(ref _cut) ? GridStreamFaultKind.Drop : GridStreamFaultKind.None);
}
