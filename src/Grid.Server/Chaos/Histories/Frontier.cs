using System.Numerics;
using System.Runtime.InteropServices;

namespace Grid.Server.Chaos.Histories;

/// <summary>
/// A set of configurations without those that another one makes superfluous: of two that differ only in the operations of unknown outcome
/// that they have used up, the one that has used up less can be continued in every way in which the other can.
/// </summary>
internal sealed class Frontier
{
    private readonly Dictionary<Configuration, Alike> _all = new(ByStateAndDone.Instance);

    public int Count { get; private set; }

    public IEnumerable<Configuration> All => _all.Values.SelectMany(static alike => alike.All);

    public void Clear()
    {
        _all.Clear();
        Count = 0;
    }

    /// <summary>False if there is one that is as good.</summary>
    public bool Add(Configuration configuration)
    {
        ref Alike? alike = ref CollectionsMarshal.GetValueRefOrAddDefault(_all, configuration, out _);
        alike ??= new Alike(configuration.Taken.Length);
        if (alike.HasOneThatLeavesAsMuch(configuration.Taken))
            return false;
        Count += 1 - alike.RemoveThoseThatLeaveNoMore(configuration.Taken);
        alike.Add(configuration);
        return true;
    }

    /// <summary>
    /// Configurations that differ only in what they have used up. There may be thousands, and each new one is compared with all of them: so what
    /// they have used up lies side by side.
    /// </summary>
    private sealed class Alike(int words)
    {
        private readonly List<Configuration> _all = [];
        private readonly List<ulong> _taken = [];

        public IReadOnlyList<Configuration> All => _all;

        public void Add(Configuration configuration)
        {
            _all.Add(configuration);
            _taken.AddRange(configuration.Taken);
        }

        /// <summary>True where one has used up nothing but what is in <paramref name="taken"/>: whatever can follow there can follow here.</summary>
        public bool HasOneThatLeavesAsMuch(ReadOnlySpan<ulong> taken)
        {
            ReadOnlySpan<ulong> all = CollectionsMarshal.AsSpan(_taken);
            if (words == 1)
                return HasAny(all, taken[0], isPart: true);
            for (int i = 0; i < _all.Count; i++)
            {
                if (IsPartOf(all.Slice(i * words, words), taken))
                    return true;
            }

            return false;
        }

        /// <summary>Removes those that have used up all of <paramref name="taken"/>, and tells how many.</summary>
        public int RemoveThoseThatLeaveNoMore(ReadOnlySpan<ulong> taken)
        {
            Span<ulong> all = CollectionsMarshal.AsSpan(_taken);
            if (words == 1 && !HasAny(all, taken[0], isPart: false))
                return 0;
            int kept = 0;
            for (int i = 0; i < _all.Count; i++)
            {
                Span<ulong> one = all.Slice(i * words, words);
                if (IsPartOf(taken, one))
                    continue;
                if (kept < i)
                {
                    one.CopyTo(all[(kept * words)..]);
                    _all[kept] = _all[i];
                }

                kept++;
            }

            int removed = _all.Count - kept;
            _all.RemoveRange(kept, removed);
            _taken.RemoveRange(kept * words, removed * words);
            return removed;
        }

        private static bool IsPartOf(ReadOnlySpan<ulong> some, ReadOnlySpan<ulong> whole)
        {
            for (int i = 0; i < some.Length; i++)
            {
                if ((some[i] & ~whole[i]) != 0)
                    return false;
            }

            return true;
        }

        /// <summary>Whether any of <paramref name="all"/> is part of <paramref name="one"/>, or has it as a part.</summary>
        private static bool HasAny(ReadOnlySpan<ulong> all, ulong one, bool isPart)
        {
            Vector<ulong> ones = new(one);
            for (; all.Length >= Vector<ulong>.Count; all = all[Vector<ulong>.Count..])
            {
                Vector<ulong> some = new(all);
                if (Vector.EqualsAny(isPart ? Vector.AndNot(some, ones) : Vector.AndNot(ones, some), Vector<ulong>.Zero))
                    return true;
            }

            foreach (ulong other in all)
            {
                if ((isPart ? other & ~one : one & ~other) == 0)
                    return true;
            }

            return false;
        }
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
