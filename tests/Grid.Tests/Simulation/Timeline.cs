using Grid.Formats.Mutations;

namespace Grid.Tests.Simulation;

/// <summary>What a key was at some time: the version of its entry, 0 while there was none.</summary>
internal readonly record struct KeyState(long Offset, ulong Version, long Expiry);

/// <summary>
/// What each key of a reign was after each mutation: whether a reply shows what there truly was at some moment between the
/// request's arrival and the reply.
/// </summary>
internal sealed class Timeline
{
    private readonly Dictionary<(string Keyspace, string Key), List<KeyState>> _keys = [];
    private readonly Dictionary<string, HashSet<string>> _live = [];
    private readonly Dictionary<string, List<(long Offset, int Entries)>> _sizes = [];

    /// <summary>Keys that ever were in a keyspace.</summary>
    public IEnumerable<string> KeysOf(string keyspace) => _keys.Keys.Where(key => key.Keyspace == keyspace).Select(key => key.Key);

    public void Note(string keyspace, TrueMutation mutation)
    {
        HashSet<string> live = _live.TryGetValue(keyspace, out HashSet<string>? known) ? known : _live[keyspace] = [];
        long offset = mutation.At.Offset;
        switch (mutation.Kind)
        {
            case MutationKind.Set:
                live.Add(mutation.Key);
                Add(keyspace, mutation.Key, new KeyState(offset, mutation.Version, mutation.ExpiryUnixMs));
                break;
            case MutationKind.Expire when live.Contains(mutation.Key):
                Add(keyspace, mutation.Key, new KeyState(offset, mutation.Version, mutation.ExpiryUnixMs));
                break;
            case MutationKind.Delete when live.Remove(mutation.Key):
                Add(keyspace, mutation.Key, new KeyState(offset, 0, 0));
                break;
            case MutationKind.Clear:
                foreach (string key in live)
                    Add(keyspace, key, new KeyState(offset, 0, 0));
                live.Clear();
                break;
        }

        if (!_sizes.TryGetValue(keyspace, out List<(long Offset, int Entries)>? sizes))
            _sizes.Add(keyspace, sizes = []);
        if (sizes.Count == 0 || sizes[^1].Entries != live.Count)
            sizes.Add((offset, live.Count));
    }

    /// <summary>True when the key was so at some moment between two offsets, both included.</summary>
    public bool Was(string keyspace, string key, long from, long to, Func<KeyState, bool> so)
    {
        if (!_keys.TryGetValue((keyspace, key), out List<KeyState>? states))
            return so(default);
        int i = states.Count - 1;
        while (i >= 0 && states[i].Offset > to)
            i--;
        for (; i >= 0; i--)
        {
            if (so(states[i]))
                return true;
            if (states[i].Offset <= from)
                return false;
        }

        return so(default);
    }

    /// <summary>True when a keyspace had so many entries at some moment between two offsets, both included.</summary>
    public bool Had(string keyspace, long entries, long from, long to)
    {
        if (!_sizes.TryGetValue(keyspace, out List<(long Offset, int Entries)>? sizes))
            return entries == 0;
        for (int i = sizes.Count - 1; i >= 0; i--)
        {
            if (sizes[i].Offset > to)
                continue;
            if (sizes[i].Entries == entries)
                return true;
            if (sizes[i].Offset <= from)
                return false;
        }

        return entries == 0;
    }

    private void Add(string keyspace, string key, KeyState state)
    {
        if (!_keys.TryGetValue((keyspace, key), out List<KeyState>? states))
            _keys.Add((keyspace, key), states = []);
        states.Add(state);
    }
}
