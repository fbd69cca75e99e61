using Grid.Client.Contracts.Operator;
using Grid.Silo.Services;
using Microsoft.Extensions.Logging;
using MemberStatus = Orleans.Runtime.SiloStatus;

namespace Grid.Silo.Events;

/// <summary>Notes which silos come and go, as this one sees it; whoever lays all silos' events side by side keeps one of each.</summary>
internal sealed class MembershipEvents(SiloMembership membership, EventRing events, ILogger<MembershipEvents> logger) : SiloLoop
{
    private readonly Dictionary<string, MemberStatus> _seen = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    protected override ILogger Logger => logger;

    protected override async Task RunAsync(CancellationToken stopping)
    {
        bool first = true;
        await foreach (ClusterMembershipSnapshot snapshot in membership.Updates.WithCancellation(stopping))
        {
            foreach (ClusterMember member in snapshot.Members.Values)
                Look(member, first);
            foreach (string gone in _seen.Keys.Except(snapshot.Members.Keys.Select(static silo => silo.ToParsableString())).ToArray())
                _seen.Remove(gone);
            first = false;
        }
    }

    /// <summary>The first look tells of itself only: what the others did before is theirs to tell.</summary>
    private void Look(ClusterMember member, bool first)
    {
        string silo = member.SiloAddress.ToParsableString();
        _seen.TryGetValue(silo, out MemberStatus before);
        _seen[silo] = member.Status;
        if (before == member.Status || (first && silo != membership.Local))
            return;
        switch (member.Status)
        {
            case MemberStatus.Active:
                events.AddSilo(EventKind.SiloJoined, EventSeverity.Info, $"{member.Name} has joined the cluster", silo, member.Name);
                break;
            case MemberStatus.ShuttingDown or MemberStatus.Stopping when before is MemberStatus.Active:
                events.AddSilo(EventKind.SiloLeft, EventSeverity.Info, $"{member.Name} leaves the cluster", silo, member.Name);
                break;
            case MemberStatus.Dead when before is MemberStatus.Active or MemberStatus.Joining:
                events.AddSilo(EventKind.SiloDead, EventSeverity.Error, $"{member.Name} is dead", silo, member.Name);
                break;
        }
    }
}
