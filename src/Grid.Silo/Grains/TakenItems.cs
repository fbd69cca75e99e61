namespace Grid.Silo.Grains;

/// <summary>
/// Items that streams took at once, until the state machine is told of them. Told of one it sends the next one of that link, which may be taken at
/// once as well: a link that catches up would have megabytes packed in one turn, while everybody else waits. So a turn tells until so many have been
/// sent on; the rest is for another one.
/// </summary>
/// <remarks>Not thread-safe: used on the grain's turns.</remarks>
internal sealed class TakenItems
{
    /// <summary>Items sent on in one turn, each of 256 KiB of mutations or of one larger mutation: some 2 to 3 ms of packing.</summary>
    public const int SentPerTurnMax = 4;

    private readonly Queue<(string Silo, long Attach)> _items = new();

    /// <summary>A stream took an item at once.</summary>
    public void Add(string silo, long attach) => _items.Enqueue((silo, attach));

    /// <summary>Tells of what was taken, and of what is taken meanwhile, as far as this turn may.</summary>
    /// <returns>True when some are left for another turn.</returns>
    public bool Tell<T>(T argument, Action<T, string, long> tell)
    {
        for (int sent = 0; sent < SentPerTurnMax && _items.TryDequeue(out (string Silo, long Attach) item);)
        {
            int before = _items.Count;
            tell(argument, item.Silo, item.Attach);
            sent += _items.Count - before;
        }

        return _items.Count > 0;
    }

    /// <summary>The reign that sent them is over.</summary>
    public void Clear() => _items.Clear();
}
