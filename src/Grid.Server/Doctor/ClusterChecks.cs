using Grid.Client.Contracts.Operator;
using SiloStatus = Grid.Client.Contracts.Operator.SiloStatus;

namespace Grid.Server.Doctor;

/// <summary>What the cluster as a whole is like: copies against silos and zones, shards that are not well.</summary>
internal static class ClusterChecks
{
    public static void Check(ClusterStatus status, Findings findings)
    {
        SiloStatus[] active = [.. status.Silos.Where(static silo => silo.State == "Active" && !silo.Draining)];
        int wanted = status.Replicas + 1;
        CheckShards(status, wanted, Math.Min(wanted, active.Length), findings);
        if (active.Length < wanted)
            findings.Error("replicas.silos", $"{wanted} copies of each shard are wanted, but {active.Length} silo(s) take part.", $"Start {wanted - active.Length} more silo(s), or lower Grid:Replicas.");
        else if (active.Length == wanted && wanted > 1)
            findings.Note("replicas.silos", $"There are {active.Length} silos for {wanted} copies of each shard: with one silo lost, the copies that are wanted cannot be made until it is back.", "One silo more than copies keeps shards whole after a loss.");
        CheckZones(status, active, wanted, findings);
    }

    private static void CheckShards(ClusterStatus status, int wanted, int reachable, Findings findings)
    {
        ShardStatus[] unserved = [.. status.Shards.Where(static shard => shard.Primary is null)];
        if (unserved.Length > 0)
            findings.Error("shards.unserved", $"{Shards(unserved)} not served: {unserved[0].Problem}.", "Bring the silos back that held their copies; when those are lost for good, 'grid shard accept-loss SHARD'.");
        ShardStatus[] thin = [.. status.Shards.Where(shard => shard.Primary is not null && shard.InSync.Count < reachable)];
        if (thin.Length > 0)
            findings.Warn("insync.below", $"{Shards(thin)} below the {wanted} copies in sync that are wanted.", "Wait if syncs are under way ('grid status --watch'); otherwise look at the replicas' silos: their logs, network and memory.");
        ShardStatus[] faulted = [.. status.Shards.Where(static shard => shard.Copies.Any(static copy => copy.Faulted))];
        if (faulted.Length > 0)
            findings.Error("insync.faulted", $"{Shards(faulted)} with a replica that got three damaged payloads in a row and asks for plaintext since: {faulted[0].Copies.First(static copy => copy.Faulted).Fault}", "Look at that silo's log, its memory and its network card; it tries compressed payloads again when none was damaged for Grid:FaultedMs.");
        ShardStatus[] slow = [.. status.Shards.Where(static shard => shard.Laggards.Count > 0)];
        if (slow.Length > 0)
            findings.Warn("insync.laggards", $"{Shards(slow)} with a replica that cannot keep up with the writes.", "Raise Grid:SyncPinBytesMax, or give that silo more of the network and the processor.");
    }

    private static void CheckZones(ClusterStatus status, SiloStatus[] active, int wanted, Findings findings)
    {
        SiloStatus[] unnamed = [.. active.Where(static silo => silo.Zone.Length == 0)];
        if (unnamed.Length == active.Length)
            return;
        if (unnamed.Length > 0)
            findings.Warn("zones.unnamed", $"Silos without a zone ({string.Join(", ", unnamed.Select(static silo => silo.Name).Take(8))}) beside others that name theirs: each counts as a zone of its own.", "Set Silo:Zone at every silo, or at none.");
        ILookup<string, SiloStatus> zones = active.ToLookup(static silo => silo.Zone.Length > 0 ? silo.Zone : silo.Address);
        if (zones.Count < wanted)
            findings.Warn("zones.few", $"{wanted} copies of each shard are wanted, but the silos are in {zones.Count} zone(s): more than one copy goes with a zone.", "Start silos in more zones, or lower Grid:Replicas.");
        if (zones.Count < 2)
            return;
        Dictionary<string, string> zoneOf = active.ToDictionary(static silo => silo.Address, static silo => silo.Zone);
        ShardStatus[] together = [.. status.Shards.Where(shard => shard.InSync.Count > 1 && shard.InSync.Select(silo => zoneOf.GetValueOrDefault(silo, silo)).Distinct().Count() == 1)];
        if (together.Length > 0)
            findings.Warn("zones.together", $"{Shards(together)} with all copies in one zone.", "Wait for the rebalance ('grid status' shows it); Grid:Rebalance must be true.");
        int least = zones.Min(static zone => zone.Count()), most = zones.Max(static zone => zone.Count());
        if (most > 2 * least)
            findings.Note("zones.uneven", $"The zones have {least} to {most} silos: those of the smallest hold the most.", "Spread the silos evenly over the zones.");
    }

    private static string Shards(ShardStatus[] shards) =>
        $"{shards.Length} of the shards ({string.Join(", ", shards.Take(8).Select(static shard => shard.Shard))}{(shards.Length > 8 ? " ..." : "")}) {(shards.Length == 1 ? "is" : "are")}";
}
