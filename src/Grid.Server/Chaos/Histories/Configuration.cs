using System.Numerics;

namespace Grid.Server.Chaos.Histories;

/// <summary>
/// One way in which things can have gone so far: what the key is, which of the operations under way have taken place already, and which
/// of those with unknown outcome.
/// </summary>
internal sealed class Configuration(RegisterState state, ulong[] done, ulong[] taken)
{
    public RegisterState State { get; set; } = state;

    /// <summary>By slot of the operations under way.</summary>
    public ulong[] Done { get; } = done;

    /// <summary>By number of the operations with unknown outcome.</summary>
    public ulong[] Taken { get; } = taken;

    /// <summary>How many guesses it rests on.</summary>
    public int TakenCount
    {
        get
        {
            int count = 0;
            foreach (ulong word in Taken)
                count += BitOperations.PopCount(word);
            return count;
        }
    }

    public Configuration Copy() => new(State, [.. Done], Taken.Length == 0 ? Taken : [.. Taken]);

    public static bool Has(ulong[] bits, int i) => (bits[i >> 6] & (1UL << i)) != 0;

    public static void Add(ulong[] bits, int i) => bits[i >> 6] |= 1UL << i;

    public static void Remove(ulong[] bits, int i) => bits[i >> 6] &= ~(1UL << i);

    /// <summary>True when all that this one has used up, the other one has too: then whatever can follow there can follow here.</summary>
    public bool LeavesAsMuchAs(Configuration other)
    {
        for (int i = 0; i < Taken.Length; i++)
        {
            if ((Taken[i] & ~other.Taken[i]) != 0)
                return false;
        }

        return true;
    }
}

/// <summary>
/// A set of configurations without those that another one makes superfluous: of two that differ only in the operations of unknown outcome
/// that they have used up, the one that has used up less can be continued in every way in which the other can.
/// </summary>
internal sealed class Frontier
{
    private readonly Dictionary<Configuration, List<Configuration>> _all = new(ByStateAndDone.Instance);

    public int Count { get; private set; }

    public IEnumerable<Configuration> All => _all.Values.SelectMany(same => same);

    public void Clear()
    {
        _all.Clear();
        Count = 0;
    }

    /// <summary>False if there is one that is as good.</summary>
    public bool Add(Configuration configuration)
    {
        if (!_all.TryGetValue(configuration, out List<Configuration>? same))
        {
            _all.Add(configuration, [configuration]);
            Count++;
            return true;
        }

        if (same.Exists(other => other.LeavesAsMuchAs(configuration)))
            return false;
        Count -= same.RemoveAll(configuration.LeavesAsMuchAs);
        same.Add(configuration);
        Count++;
        return true;
    }

    private sealed class ByStateAndDone : IEqualityComparer<Configuration>
    {
        public static readonly ByStateAndDone Instance = new();

        public bool Equals(Configuration? a, Configuration? b) => a!.State == b!.State && a.Done.AsSpan().SequenceEqual(b.Done);

        public int GetHashCode(Configuration configuration)
        {
            int hash = configuration.State.GetHashCode();
            foreach (ulong word in configuration.Done)
                hash = (int)BitOperations.RotateLeft((uint)hash, 7) ^ word.GetHashCode();
            return hash;
        }
    }
}
