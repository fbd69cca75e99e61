using Grid.Formats.Operations;

namespace Grid.Client.Operations;

/// <summary>What a call asks of the shard, with every default filled in.</summary>
/// <param name="Durability">What the acknowledgement of a write promises.</param>
/// <param name="ReadMode">What a read promises.</param>
/// <param name="TimeoutMs">How long the call may take, in milliseconds.</param>
/// <param name="MaxStalenessMs">How old the state that a local read shows may be, in milliseconds.</param>
internal readonly record struct CallSettings(Durability Durability, ReadMode ReadMode, int TimeoutMs, int MaxStalenessMs)
{
    /// <summary>The same for what goes to a primary: where no copy on this silo answers, a local read is a linearizable one.</summary>
    public CallSettings ForPrimary => ReadMode == ReadMode.Local ? this with { ReadMode = ReadMode.Linearizable } : this;

    /// <summary>True if operations with these and with <paramref name="other"/> may travel in one batch.</summary>
    public bool SharesBatchWith(in CallSettings other) => Durability == other.Durability && ReadMode == other.ReadMode;

    /// <summary>The durability's number on the wire.</summary>
    public WriteDurability WireDurability => Durability == Durability.Primary ? WriteDurability.Primary : WriteDurability.Replicated;

    /// <summary>True if reads need no lease.</summary>
    public bool Committed => ReadMode == ReadMode.Primary;
}
