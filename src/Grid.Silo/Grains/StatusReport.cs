using Grid.Client.Contracts.Operator;
using Grid.Silo.Services;
using SiloStatus = Grid.Client.Contracts.Operator.SiloStatus;

namespace Grid.Silo.Grains;

/// <summary>Lays what the silos said of their copies side by side, shard by shard, and says what an operator should know.</summary>
internal static class StatusReport
{
    private const int NamedMax = 8;

    /// <summary>Every shard, by number, with the copies that were told of. Of two that claim to reign the higher epoch counts.</summary>
    public static List<ShardStatus> MergeShards(IReadOnlyCollection<SiloAnswer> answers, int shardCount)
    {
        ILookup<int, CopyStatus> copies = answers.SelectMany(answer => answer.Copies?.Copies ?? []).ToLookup(copy => copy.Shard);
        ILookup<int, (string Silo, PrimaryView View)> primaries = answers
            .SelectMany(answer => answer.Copies?.Primaries.Select(view => (answer.Silo, View: view)) ?? [])
            .ToLookup(primary => primary.View.Shard);
        return [.. Enumerable.Range(0, shardCount).Select(shard => Merge(shard, primaries[shard], copies[shard]))];
    }

    /// <summary>Every silo of the membership but the dead ones, with what it holds.</summary>
    public static List<SiloStatus> Silos(IEnumerable<ClusterMember> members, IReadOnlyCollection<SiloAnswer> answers)
    {
        Dictionary<string, SiloCopies?> bySilo = answers.ToDictionary(answer => answer.Silo, answer => answer.Copies);
        return [.. members
            .Where(member => member.Status != Orleans.Runtime.SiloStatus.Dead)
            .Select(member => Silo(member, bySilo.GetValueOrDefault(member.SiloAddress.ToParsableString())))
            .OrderBy(silo => silo.Name, StringComparer.Ordinal)];
    }

    /// <summary>The silo to read a shard from without disturbing its primary: a whole replica in the in-sync set, otherwise the primary.</summary>
    public static string? BestToRead(ShardStatus shard) => shard.Copies
        .Where(copy => copy.State == nameof(Replication.Copies.CopyState.Complete) && (copy.IsPrimary || shard.InSync.Contains(copy.Silo)))
        .OrderBy(copy => copy.IsPrimary)
        .ThenByDescending(copy => copy.Applied)
        .Select(copy => copy.Silo)
        .FirstOrDefault();

    /// <summary>What the settings do not promise, and what is missing; most important first.</summary>
    public static List<string> Warnings(GridOptions options, IReadOnlyList<string> promise, IReadOnlyCollection<SiloAnswer> answers, IReadOnlyCollection<ShardStatus> shards)
    {
        List<string> warnings = [];
        foreach (ShardStatus shard in shards.Where(shard => shard.Primary is null).Take(NamedMax))
            warnings.Add($"Shard {shard.Shard} has no primary: {shard.Problem}.");
        int without = shards.Count(shard => shard.Primary is null);
        if (without > NamedMax)
            warnings.Add($"{without - NamedMax} more shards have no primary.");
        foreach (SiloAnswer silent in answers.Where(answer => answer.Copies is null))
            warnings.Add($"Silo {silent.Silo} does not answer: its copies are not shown.");
        Name(warnings, shards.Where(shard => shard.Copies.Any(copy => copy.Faulted)), "a replica that got three damaged payloads in a row and asks for plaintext since; look at that silo's log, its memory and its network");
        Name(warnings, shards.Where(shard => shard.Laggards.Count > 0), "a replica that cannot keep up with the writes: it overran the largest budget of Grid:SyncPinBytesMax; give it more, or its silo more of the network and processor");
        int wanted = options.Replicas + 1;
        ShardStatus[] thin = [.. shards.Where(shard => shard.Primary is not null && shard.InSync.Count < wanted)];
        if (answers.Count < wanted)
            warnings.Add($"{wanted} copies of each shard are wanted, but the cluster has {answers.Count} silo(s): a silo's death loses data. Start more silos.");
        else
            Name(warnings, thin, $"fewer than the {wanted} copies in sync that are wanted");
        if (options.MinInSync == 0 && options.Replicas > 0)
            warnings.Add($"{GridConstants.ConfigurationSection}:{nameof(options.MinInSync)} is 0: while a shard's in-sync set is the primary alone, acknowledged writes do not survive its death.");
        if (options.Replicas == 0)
            warnings.Add($"{GridConstants.ConfigurationSection}:{nameof(options.Replicas)} is 0: a silo's death loses its shards.");
        warnings.AddRange(promise);
        return warnings;
    }

    private static ShardStatus Merge(int shard, IEnumerable<(string Silo, PrimaryView View)> primaries, IEnumerable<CopyStatus> copies)
    {
        ShardStatus status = new()
        {
            Shard = shard,
            Copies = [.. copies.OrderByDescending(copy => copy.IsPrimary).ThenBy(copy => copy.Silo, StringComparer.Ordinal)],
        };
        if (primaries.OrderByDescending(primary => primary.View.Epoch).FirstOrDefault() is not { View: { } view } reigning)
            return status;
        return status with
        {
            Epoch = view.Epoch,
            Primary = reigning.Silo,
            LogEnd = view.LogEnd,
            Committed = view.Committed,
            InSync = view.InSync,
            Links = view.Links,
            LastWindow = view.LastWindow,
            Window = view.Window,
            Laggards = view.Laggards,
            Wanted = view.Wanted,
            Pinned = view.Pinned,
        };
    }

    private static SiloStatus Silo(ClusterMember member, SiloCopies? copies) => new()
    {
        Address = member.SiloAddress.ToParsableString(),
        Name = member.Name,
        State = member.Status.ToString(),
        DataBytes = copies?.Copies.Sum(copy => copy.DataBytes) ?? 0,
        Primaries = copies?.Copies.Count(copy => copy.IsPrimary) ?? 0,
        Replicas = copies?.Copies.Count(copy => !copy.IsPrimary) ?? 0,
        Zone = copies?.Facts.Zone ?? "",
        Weight = copies?.Facts.Weight ?? 0,
        Draining = copies?.Facts.Draining ?? false,
    };

    private static void Name(List<string> warnings, IEnumerable<ShardStatus> shards, string what)
    {
        int[] numbers = [.. shards.Select(shard => shard.Shard)];
        if (numbers.Length == 0)
            return;
        string named = string.Join(", ", numbers.Take(NamedMax)) + (numbers.Length > NamedMax ? " ..." : "");
        warnings.Add($"{numbers.Length} of the shards ({named}) have {what}.");
    }
}
