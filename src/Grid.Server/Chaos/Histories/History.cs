namespace Grid.Server.Chaos.Histories;

/// <summary>What clients did and were told, on one clock.</summary>
/// <param name="OriginUnixMs">The Unix millisecond at which the history's clock showed 0.</param>
/// <param name="Operations">The operations, in any order.</param>
internal sealed record History(long OriginUnixMs, IReadOnlyList<HistoryOperation> Operations);
