namespace Grid.Replication.Primary;

/// <content>What is told to operators.</content>
public sealed partial class ShardPrimary
{
    /// <summary>What the last sync window decided, and why; null before the first.</summary>
    public WindowDecision? LastWindow { get; private set; }

    /// <summary>Silos whose replicas cannot keep up with the writes, linked at present or not.</summary>
    public IReadOnlyCollection<string> Laggards => _laggards;

    /// <summary>The links as they are now.</summary>
    public LinkView[] ViewLinks() => [.. _links.Select(View)];

    private LinkView View(PrimaryLink link) => new(
        link.Silo,
        link.Phase,
        link.DualChannel,
        link.Packer is not null,
        link.Packer?.RawBytes ?? 0,
        link.Packer?.WireBytes ?? 0,
        link.Packer?.IsBackingOff ?? false,
        link.Acknowledged,
        LogEnd - LastHeld(link),
        _copy.Log.BytesFrom(LastHeld(link) + 1),
        link.Pins ? _copy.Log.BytesFrom(link.NextOffset) : 0,
        PinBudgetOf(link.Silo),
        link.KeptBytes,
        _laggards.Contains(link.Silo));

    /// <summary>The newest mutation that the replica surely holds, as far as the log reaches back.</summary>
    private long LastHeld(PrimaryLink link) => Math.Max(link.Acknowledged, _copy.Log.FirstOffset - 1);
}
