using Grid.Formats.Links;
using Grid.Streams;

namespace Grid.Cluster.Tests.Replication;

/// <summary>
/// Does harm to what replication sends, in all silos of a test's cluster: at a rate, or to one item that is described. It
/// counts what it did.
/// </summary>
internal sealed class StreamFaults(int seed) : IGridStreamFaults
{
    private readonly Lock _gate = new();
    private readonly Random _random = new(seed);
    private readonly Dictionary<(string Streams, GridStreamFaultKind Kind), long> _injected = [];
    private readonly List<SetTrap> _traps = [];
    private readonly Dictionary<string, double> _rates = [];

    public static IReadOnlyList<GridStreamFaultKind> Kinds { get; } =
        [GridStreamFaultKind.Drop, GridStreamFaultKind.Duplicate, GridStreamFaultKind.FlipBit, GridStreamFaultKind.Cut, GridStreamFaultKind.Swap];

    /// <summary>Harms this share of the items on a kind of stream, each harm as often as the others.</summary>
    public void SetRate(string streams, double rate)
    {
        lock (_gate)
            _rates[streams] = rate;
    }

    /// <summary>How often something was done to a kind of stream.</summary>
    public long Injected(string streams, params GridStreamFaultKind[] kinds)
    {
        lock (_gate)
            return kinds.Sum(kind => _injected.GetValueOrDefault((streams, kind)));
    }

    /// <summary>Does something to the next item of a kind on the streams to a silo; the task ends when it was done.</summary>
    /// <param name="streams">Which kind of stream.</param>
    /// <param name="item">Which kind of item.</param>
    /// <param name="fault">What is done to it.</param>
    /// <param name="key">Part of the stream's key: a silo's name, or a shard and a silo.</param>
    /// <param name="times">To how many of them.</param>
    public Task Trap(string streams, LinkItemKind item, GridStreamFaultKind fault, string key = "", int times = 1)
    {
        SetTrap trap = new(streams, item, fault, key) { Left = times };
        lock (_gate)
            _traps.Add(trap);
        return trap.Sprung.Task;
    }

    /// <summary>No more traps, no more harm.</summary>
    public void Stop()
    {
        lock (_gate)
        {
            _traps.Clear();
            _rates.Clear();
        }
    }

    public override string ToString()
    {
        lock (_gate)
            return string.Join(", ", _injected.Select(pair => $"{pair.Key.Kind} on {pair.Key.Streams}: {pair.Value}"));
    }

    GridStreamFault IGridStreamFaults.OnItem(StreamId streamId, ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            string streams = streamId.GetNamespace() ?? "";
            GridStreamFaultKind kind = Decide(streams, streamId, bytes);
            if (kind == GridStreamFaultKind.None)
                return default;
            _injected[(streams, kind)] = _injected.GetValueOrDefault((streams, kind)) + 1;
            return new GridStreamFault(kind, kind switch
            {
                GridStreamFaultKind.FlipBit => _random.NextInt64(bytes.Length * 8L),
                GridStreamFaultKind.Cut => _random.NextInt64(bytes.Length),
                _ => 0,
            });
        }
    }

    private GridStreamFaultKind Decide(string streams, StreamId id, ReadOnlySpan<byte> bytes)
    {
        foreach (SetTrap trap in _traps)
        {
            if (trap.Streams != streams || (LinkItemKind)bytes[1] != trap.Item || !id.GetKeyAsString().Contains(trap.Key, StringComparison.Ordinal))
                continue;
            if (--trap.Left == 0)
                _traps.Remove(trap);
            trap.Sprung.TrySetResult();
            return trap.Fault;
        }

        return _random.NextDouble() < _rates.GetValueOrDefault(streams) ? Kinds[_random.Next(Kinds.Count)] : GridStreamFaultKind.None;
    }

    private sealed record SetTrap(string Streams, LinkItemKind Item, GridStreamFaultKind Fault, string Key)
    {
        public int Left { get; set; }

        public TaskCompletionSource Sprung { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
