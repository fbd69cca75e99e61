using Grid.Formats.Links;
using Grid.Replication.Links;
using Grid.Replication.Time;

namespace Grid.Replication.Primary;

/// <content>What is agreed on for a link, and settings that change while the primary reigns.</content>
public sealed partial class ShardPrimary
{
    /// <summary>
    /// Changes settings. A link whose command stream would now be agreed on differently ends and goes on by partial
    /// resync; one in mid-sync does so when it has loaded; all others notice nothing.
    /// </summary>
    /// <param name="options">The new settings. The bounds of clients' order stay as they were.</param>
    /// <param name="now">The present.</param>
    public void Reconfigure(PrimaryOptions options, Instant now)
    {
        if (!Reigns())
            return;
        if (options.LeaseMs != _options.LeaseMs)
            _lease.AskedAtMs = NeverMs;
        _options = options with { Planted = _options.Planted };
        foreach (PrimaryLink link in _links.ToArray())
            AgreeAnewIfNeeded(link, now);
        CloseWindowWhenDue(now);
        UpdateInSync(now);
        AskForReplicas(now);
    }

    /// <summary>Compression of a command stream is agreed on once for the link's life.</summary>
    private void Agree(PrimaryLink link)
    {
        link.Packer?.Dispose();
        link.Packer = WouldPack(link) ? new CommandPacker(_options.Checksums) : null;
    }

    private bool WouldPack(PrimaryLink link) => _options.Compress && DecodesLz4(link);

    private LinkTraits TraitsOf(PrimaryLink link) => OfferedTraits() | (link.Packer is null ? LinkTraits.None : LinkTraits.PackedCommands);

    private LinkTraits OfferedTraits() => _options.Compress ? LinkTraits.OffersPacking : LinkTraits.None;

    private void AgreeAnewIfNeeded(PrimaryLink link, Instant now)
    {
        bool fits = WouldPack(link) == (link.Packer is not null) && !Plants(PlantedBug.EndsLinksOnAnyChange);
        if (link.Phase != LinkPhase.Online || fits || Plants(PlantedBug.KeepsOldAgreement))
            return;
        _askedAtMs.Remove(link.Silo);
        EndLink(link, LinkEndReason.SettingsChanged, "compression was changed: it goes on by partial resync", now);
    }
}
