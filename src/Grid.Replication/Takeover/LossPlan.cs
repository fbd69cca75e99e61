using Grid.Replication.Copies;
using Grid.Replication.Records;

namespace Grid.Replication.Takeover;

/// <summary>
/// How a shard goes on of which no in-sync copy can be had, on an operator's word: with the best whole copy that has survived, in sync or
/// not, or empty. Pure: what was read and polled goes in, the plan comes out.
/// </summary>
/// <param name="Obstacle">Why it cannot be now; null when it can.</param>
/// <param name="Lost">The recorded in-sync copies, all of which are gone.</param>
/// <param name="Best">The copy to go on with; null when none has survived.</param>
/// <param name="Epoch">The epoch that the record is to have: above all that anyone has seen.</param>
/// <param name="VersionSeen">The highest version of the record that anyone has seen.</param>
public sealed record LossPlan(string? Obstacle, IReadOnlyList<CopyName> Lost, PolledCopy? Best, long Epoch, long VersionSeen)
{
    /// <summary>Decides.</summary>
    /// <param name="record">The shard's record.</param>
    /// <param name="answers">What every silo that answered says of its copy of the shard; null for "none".</param>
    /// <param name="alive">The silos that are not dead.</param>
    public static LossPlan Decide(ShardRecord record, IReadOnlyDictionary<string, PolledCopy?> answers, IReadOnlyCollection<string> alive)
    {
        PolledCopy[] polled = [.. answers.Values.OfType<PolledCopy>()];
        string? obstacle = record.Epoch == 0 ? "it never had a primary, so nothing can be lost" : ObstacleOf(record, polled, answers, alive);
        PolledCopy? best = polled
            .Where(copy => copy.State == CopyState.Complete && copy.Position.Offset > 0)
            .OrderByDescending(copy => copy.Position)
            .ThenBy(copy => copy.Name.Silo, StringComparer.Ordinal)
            .Select(copy => (PolledCopy?)copy)
            .FirstOrDefault();
        long epoch = Math.Max(record.Epoch, polled.Select(copy => copy.EpochSeen).DefaultIfEmpty().Max()) + 1;
        return new LossPlan(obstacle, [.. record.InSync], best, epoch, Math.Max(record.Version, polled.Select(copy => copy.RecordVersionSeen).DefaultIfEmpty().Max()));
    }

    /// <summary>The record by which the shard goes on: a new line of data, in which <paramref name="copy"/> is the only one in sync.</summary>
    public ShardRecord Next(ShardRecord record, CopyName copy, Guid lineage, Guid nonce) =>
        record.WithPrimary(copy, Epoch, [], nonce) with { Lineage = lineage, Version = VersionSeen + 1 };

    private static string? ObstacleOf(ShardRecord record, PolledCopy[] polled, IReadOnlyDictionary<string, PolledCopy?> answers, IReadOnlyCollection<string> alive)
    {
        // Of a record that is older than what was seen nobody knows whether the copies that it names have everything: they may be the best, no more.
        foreach (CopyName member in PolledCopy.IsOutdated(record, polled, out _) ? [] : record.InSync)
        {
            if (!alive.Contains(member.Silo))
                continue;
            if (!answers.ContainsKey(member.Silo))
                return $"silo {member.Silo}, which has an in-sync copy, does not answer and is not declared dead yet; wait until it is, or answers";
            if (polled.Any(copy => copy.Name == member && copy.State == CopyState.Complete))
                return $"silo {member.Silo} has an in-sync copy, which can take over";
        }

        string? silent = alive.Order(StringComparer.Ordinal).FirstOrDefault(silo => !answers.ContainsKey(silo));
        if (silent is not null)
            return $"silo {silent} does not answer and is not declared dead yet: it may have the best copy that has survived";
        PolledCopy reigning = polled.FirstOrDefault(copy => copy.Reigns);
        return reigning.Reigns ? $"a primary reigns on {reigning.Name}" : null;
    }
}
