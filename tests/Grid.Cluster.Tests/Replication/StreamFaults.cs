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
    private readonly List<Spoiling> _spoilings = [];
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

    /// <summary>
    /// Changes the bodies of the items that are described, and puts their checksums right: what is in the body has to notice.
    /// </summary>
    /// <param name="streams">Which kind of stream.</param>
    /// <param name="which">Which items, by head and body.</param>
    /// <param name="change">Changes the body in place, or gives the length that is left of it.</param>
    /// <param name="times">How many of them.</param>
    public Spoiling Spoil(string streams, DescribesItem which, ChangesBody change, int times = int.MaxValue)
    {
        Spoiling spoiling = new(streams, which, change) { Left = times };
        lock (_gate)
            _spoilings.Add(spoiling);
        return spoiling;
    }

    /// <summary>No more traps, no more harm.</summary>
    public void Stop()
    {
        lock (_gate)
        {
            _traps.Clear();
            _spoilings.Clear();
            _rates.Clear();
        }
    }

    /// <summary>No more traps on a kind of stream; those on others stay.</summary>
    public void EndTraps(string streams)
    {
        lock (_gate)
            _traps.RemoveAll(trap => trap.Streams == streams);
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
            foreach (Spoiling spoiling in _spoilings)
            {
                if (spoiling.Wants(streams, bytes))
                    return spoiling.Fault();
            }

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

    /// <summary>Says whether an item is meant.</summary>
    internal delegate bool DescribesItem(in LinkItem item, ReadOnlySpan<byte> body);

    /// <summary>Changes a body in place; gives the length that is left of it.</summary>
    internal delegate int ChangesBody(Span<byte> body);

    /// <summary>Harm that is done to bodies under checksums that are right.</summary>
    internal sealed class Spoiling(string streams, DescribesItem which, ChangesBody change)
    {
        private int _count;

        public required int Left { get; set; }

        /// <summary>Ends when all was done.</summary>
        public TaskCompletionSource Over { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>How often it was done.</summary>
        public int Count => Volatile.Read(ref _count);

        public bool Wants(string on, ReadOnlySpan<byte> bytes)
        {
            if (Left == 0 || on != streams)
                return false;
            LinkItem item = LinkItem.Read(bytes, out ReadOnlySpan<byte> body);
            return which(item, body);
        }

        public GridStreamFault Fault()
        {
            if (--Left == 0)
                Over.TrySetResult();
            Interlocked.Increment(ref _count);
            return new GridStreamFault(GridStreamFaultKind.Rewrite, Change: item =>
            {
                item.Truncate(LinkItem.HeadLength + change(item.WritableSpan[LinkItem.HeadLength..]));
                LinkItem.Seal(item);
            });
        }
    }

    private sealed record SetTrap(string Streams, LinkItemKind Item, GridStreamFaultKind Fault, string Key)
    {
        public int Left { get; set; }

        public TaskCompletionSource Sprung { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
