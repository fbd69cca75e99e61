using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Storage;

namespace Grid.Tests.Simulation;

/// <summary>One run from one seed: chaos, then quiet, then everything must be well.</summary>
internal static class Simulator
{
    private const int QuietMsMax = 30_000;

    /// <summary>How long what the nemesis began still has consequences: silos given up that only now notice it, restarts.</summary>
    private const int AftermathMs = 4000;

    /// <summary>What a run did, for the statistics.</summary>
    /// <param name="Steps">Events that happened.</param>
    /// <param name="VirtualMs">Time that passed.</param>
    /// <param name="Lost">Shards that were left without a copy.</param>
    /// <param name="Counts">How often each kind of thing happened.</param>
    /// <param name="Fingerprint">Two runs with one fingerprint went the same way.</param>
    public sealed record Outcome(long Steps, long VirtualMs, int Lost, IReadOnlyDictionary<string, int> Counts, ulong Fingerprint);

    /// <exception cref="SimulationException">An invariant did not hold.</exception>
    public static Outcome Run(ulong seed, Func<SimPlan, SimPlan>? change = null, bool explain = true, PagePool? pages = null)
    {
        pages ??= new PagePool();
        try
        {
            return RunOnce(seed, change, pages, records: false);
        }
        catch (SimulationException) when (explain)
        {
            // Once more, with a transcript.
            return RunOnce(seed, change, pages, records: true);
        }
    }

    private static Outcome RunOnce(ulong seed, Func<SimPlan, SimPlan>? change, PagePool pages, bool records)
    {
        SimRandom random = new(seed);
        World? world = null;
        try
        {
            SimPlan plan = SimPlan.Draw(random);
            world = new World(seed, change?.Invoke(plan) ?? plan, random, pages, records);
            return Play(world);
        }
        finally
        {
            foreach (SimSilo silo in world?.Running.ToArray() ?? [])
                silo.Stop();
        }
    }

    private static Outcome Play(World world)
    {
        new Nemesis(world).Begin();
        world.RunFor(world.Plan.ChaosMs);
        Calm(world);
        world.RunFor(AftermathMs);
        int[] fullSyncs = [.. world.Oracles.Select(oracle => oracle.FullSyncs)];
        long calmSince = world.NowMs;
        Expect(world, "12: not every shard is writable again", () => Alive(world).All(shard => world.Clients.Any(client => client.LastSuccessMs(shard) > calmSince)));
        foreach (SimClient client in world.Clients)
            client.Stopped = true;
        Expect(world, "12: not all links come online and level", () => world.Clients.All(client => client.IsQuiet) && Alive(world).All(shard => Unsettled(world, shard) is null));
        for (int shard = 0; shard < world.Plan.Shards; shard++)
        {
            // What clients were told of a line of data that was given up need not be so in the next.
            if (world.Oracles[shard].Losses == 0)
                world.Histories[shard].Check();
        }

        foreach (int shard in Alive(world))
        {
            world.Oracles[shard].CheckEqualCopies();
            int syncs = world.Oracles[shard].FullSyncs - fullSyncs[shard];
            if (syncs > 4 * world.Plan.Silos)
                throw world.Violation($"Shard {shard}: {syncs} full syncs after the faults had stopped.");
        }

        CheckRest(world);
        return new Outcome(
            world.Steps,
            world.NowMs,
            world.Plan.Shards - Alive(world).Count(),
            world.Counts,
            world.Random.Next());
    }

    /// <summary>The shards that must be well in the end: all that were not left without a copy, or that an operator looks after.</summary>
    private static IEnumerable<int> Alive(World world) => Enumerable.Range(0, world.Plan.Shards).Where(shard => world.Plan.LossMs > 0 || !Nemesis.IsLost(world, shard));

    private static void Calm(World world)
    {
        world.Chaos = false;
        world.Heal();
        world.Note($"calm");
        foreach (SimSilo silo in world.Silos)
            silo.SlowFactor = 1;
    }

    private static void Expect(World world, string broken, Func<bool> holds)
    {
        if (world.RunUntil(world.NowMs + QuietMsMax, holds))
            return;
        string state = string.Join("; ", Alive(world).Select(shard => $"shard {shard}: {Unsettled(world, shard) ?? "settled"}"));
        throw world.Violation($"Invariant {broken} within {QuietMsMax} ms of calm ({state})");
    }

    /// <summary>Once settled, nothing stirs any more.</summary>
    private static void CheckRest(World world)
    {
        int before = world.Oracles.Sum(oracle => oracle.LinksEnded + oracle.FullSyncs);
        world.RunFor(2500);
        if (world.Oracles.Sum(oracle => oracle.LinksEnded + oracle.FullSyncs) != before)
            throw world.Violation("Links end or full syncs begin although nothing is wrong.");
        // An entry may expire at this very moment, and its delete has to get through.
        world.RunUntil(world.NowMs + 1000, () => Alive(world).All(shard => Unsettled(world, shard) is null));
        foreach (int shard in Alive(world))
        {
            if (Unsettled(world, shard) is { } stirring)
                throw world.Violation($"Shard {shard} does not stay settled: {stirring}.");
        }
    }

    /// <summary>What is not yet as it should be with a shard; null when all is well.</summary>
    private static string? Unsettled(World world, int shard)
    {
        ShardRecord record = world.Store.Current(shard);
        SimPrimary? primary = world.Running.Select(silo => silo.Slot(shard).Primary).FirstOrDefault(primary => primary is { Core.IsDown: false } && primary.Core.Epoch == record.Epoch);
        if (primary is null)
            return $"no primary for {record}";
        int alive = world.Silos.Count(silo => silo.Up && !silo.DeclaredDead);
        int wanted = Math.Min(world.Plan.Primary.Replicas + 1, alive);
        if (record.InSync.Length != wanted || primary.Core.ProposedRecord is not null || alive != world.Plan.Silos)
            return $"{wanted} in-sync copies are wanted, {alive} silos alive, {record}, proposed {primary.Core.ProposedRecord}, links {string.Join(", ", primary.Core.Links.Select(link => $"{link.Silo} {link.Phase}"))}";
        if (primary.Core.Wanted?.FirstOrDefault(silo => world.Find(silo) is { Up: true, DeclaredDead: false } && !record.InSync.Any(member => member.Silo == silo)) is { } missing)
            return $"{missing} is wanted, and not in {record}";
        if (primary.Core.Committed != primary.Core.LogEnd)
            return $"{primary.Core.Committed} of {primary.Core.LogEnd} committed";
        foreach (CopyName member in record.Members)
        {
            PrimaryLink? link = primary.Core.Links.FirstOrDefault(link => link.Copy == member);
            if (link is not { Phase: LinkPhase.Online })
                return $"the link to {member} is {link?.Phase}";
            Slot? slot = world.Find(member.Silo)?.Slot(shard);
            if (WrongAgreement(primary, link, slot?.Replica) is { } wrong)
                return wrong;
            ShardCopy? copy = slot?.Copy;
            if (copy?.Applied != primary.Core.LogEnd)
                return $"{member} has applied {copy?.Applied} of {primary.Core.LogEnd}";
        }

        if (!primary.Core.HoldsLease(primary.Now))
            return "the primary holds no lease";
        return primary.Core.Links.Count() == record.Members.Count()
            ? null
            : $"a surplus replica is still linked: in sync {string.Join(", ", record.InSync)}, wanted {string.Join(", ", primary.Core.Wanted ?? [])}, links {string.Join(", ", primary.Core.Links.Select(link => $"{link.Silo} {link.Phase}"))}";
    }

    /// <summary>Commands travel packed where both sides are set to it now, and plain where one is not.</summary>
    private static string? WrongAgreement(SimPrimary primary, PrimaryLink link, SimReplica? replica)
    {
        if (replica is null || replica.AttachedFaulted)
            return null;
        bool wanted = primary.Options.Compress && replica.Options.Capabilities.HasFlag(ReplicaCapabilities.Lz4);
        return link.Packer is not null == wanted ? null : $"the link to {link.Silo} is {(wanted ? "plain and ought to be packed" : "packed and ought to be plain")}";
    }
}
