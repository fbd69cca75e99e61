using Grid.Replication.Records;
using Grid.Replication.Time;

namespace Grid.Replication.Primary;

/// <content>
/// Where the shard's replicas are to be. As long as nobody says, the primary keeps those that there are and fills vacancies by rendezvous
/// hashing. Once silos are named, it grows a replica on each of them, beyond the number wanted for the time of a move; one elsewhere
/// is taken out of the in-sync set only when enough others are in it and well, and only then told to go.
/// </content>
public sealed partial class ShardPrimary
{
    private string[]? _wanted;
    private HashSet<string> _avoided = [];

    /// <summary>The silos that were named for the shard's replicas; null when none were.</summary>
    public IReadOnlyList<string>? Wanted => _wanted;

    /// <summary>Names the silos on which the shard's replicas are to be.</summary>
    /// <param name="silos">The silos, in any order; this one among them means nothing. Null for any, as in the beginning.</param>
    /// <param name="now">The present.</param>
    public void Want(IEnumerable<string>? silos, Instant now)
    {
        if (!Reigns())
            return;
        _wanted = silos is null ? null : [.. silos.Where(silo => silo != _copy.Name.Silo).Distinct().Order(StringComparer.Ordinal)];
        UpdateInSync(now);
        AskForReplicas(now);
    }

    /// <summary>Names the silos on which no new replica is begun that nobody asked for: those that drain.</summary>
    /// <param name="silos">The silos.</param>
    public void Avoid(IEnumerable<string> silos) => _avoided = [.. silos];

    private bool IsWanted(string silo) => _wanted is not null && _wanted.Contains(silo);

    private bool IsUnwanted(string silo) => _wanted is not null && !_wanted.Contains(silo);

    /// <summary>True where everybody of whom a replica would be asked has a link: as nearly always, and then nothing is to be reckoned at a tick.</summary>
    private bool HasAllLinks()
    {
        int alive = 0;
        foreach (PrimaryLink link in _links)
            alive += _alive.Contains(link.Silo) ? 1 : 0;
        if (alive < _options.Replicas)
            return false;
        foreach (CopyName member in _record.InSync)
        {
            if (member != _record.Primary && _alive.Contains(member.Silo) && !_links.TryFind(member.Silo, out _))
                return false;
        }

        foreach (string silo in _wanted ?? [])
        {
            if (_alive.Contains(silo) && !_links.TryFind(silo, out _))
                return false;
        }

        return true;
    }

    /// <summary>
    /// Silos whose replicas are asked for: those that were named, those that hold one, and while these are too few, others by rendezvous hashing,
    /// so that shards spread evenly.
    /// </summary>
    private List<string> SilosToAsk()
    {
        List<string> silos = [.. _links.Select(link => link.Silo).Union(_record.Members.Select(member => member.Silo)).Union(_wanted ?? []).Where(_alive.Contains).Order(StringComparer.Ordinal)];
        foreach (string silo in ReplicaPlacement.Rank(_copy.Shard, _alive.Except(silos).Where(silo => silo != _copy.Name.Silo && (!_avoided.Contains(silo) || Plants(PlantedBug.IgnoresDraining)))))
        {
            if (silos.Count >= _options.Replicas)
                break;
            silos.Add(silo);
        }

        return silos;
    }

    /// <summary>Takes those members out of the next set that are not where replicas are wanted, as long as enough are left.</summary>
    /// <param name="kept">The members that are well.</param>
    private void DropUnwanted(List<CopyName> kept)
    {
        foreach (CopyName member in kept.Where(member => IsUnwanted(member.Silo)).ToArray())
        {
            if (kept.Count <= _options.Replicas && !Plants(PlantedBug.ShrinksBeforeGrown))
                return;
            kept.Remove(member);
        }
    }
}
