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
}
