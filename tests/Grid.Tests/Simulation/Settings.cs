using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Replication.Replica;

namespace Grid.Tests.Simulation;

/// <summary>What a silo is set to, at its start and when somebody changes it while it runs.</summary>
internal static class Settings
{
    /// <summary>The plan's settings, with this silo's own whims.</summary>
    public static (PrimaryOptions Primary, ReplicaOptions Replica) Draw(World world)
    {
        SimPlan plan = world.Plan;
        PrimaryOptions primary = plan.Primary with { Planted = plan.Planted, Compress = plan.Primary.Compress != world.Random.Chance(plan.OddSilo) };
        ReplicaOptions replica = plan.Replica with { Planted = plan.Planted };
        if (world.Random.Chance(plan.PlainSilo))
            replica = Without(replica, ReplicaCapabilities.Lz4);
        if (world.Random.Chance(plan.SingleChannelSilo))
            replica = Without(replica, ReplicaCapabilities.DualChannel);
        return (primary, replica);
    }

    /// <summary>One setting of a silo is changed, under way as it is.</summary>
    public static void Flip(World world, SimSilo silo)
    {
        PrimaryOptions primary = silo.PrimaryOptions;
        ReplicaOptions replica = silo.ReplicaOptions;
        switch (world.Random.Below(9))
        {
            case 0 or 1:
                primary = primary with { Compress = !primary.Compress };
                break;
            case 2:
                primary = primary with { DualChannel = !primary.DualChannel };
                break;
            case 3:
                primary = primary with { Transport = primary.Transport == SyncTransport.Disk ? SyncTransport.Diskless : SyncTransport.Disk };
                break;
            case 4:
                primary = primary with { MixedCohort = primary.MixedCohort == MixedCohort.And ? MixedCohort.Split : MixedCohort.And };
                break;
            case 5:
                replica = replica with { LoadMode = replica.LoadMode == LoadMode.Swap ? LoadMode.Discard : LoadMode.Swap };
                break;
            case 6 or 7:
                replica = replica with { Capabilities = replica.Capabilities ^ ReplicaCapabilities.Lz4 };
                break;
            default:
                replica = replica with { Capabilities = replica.Capabilities ^ ReplicaCapabilities.DualChannel };
                break;
        }

        Change(silo, primary, replica);
    }

    private static void Change(SimSilo silo, PrimaryOptions primary, ReplicaOptions replica)
    {
        World world = silo.World;
        bool isPrimary = primary != silo.PrimaryOptions;
        world.Count("SettingsFlipped");
        world.NoteCause(silo, "settings");
        world.Note($"{silo.Name} is set to {(isPrimary ? $"compress {primary.Compress}, dual {primary.DualChannel}, {primary.Transport}, {primary.MixedCohort}" : $"{replica.Capabilities}, {replica.LoadMode}")}");
        silo.PrimaryOptions = primary;
        silo.ReplicaOptions = replica;
        world.After(world.Random.Below(5000), silo, () =>
        {
            world.NoteCause(silo, "settings");
            foreach (Slot slot in silo.Slots)
            {
                if (isPrimary)
                    slot.Primary?.Reconfigure(silo.PrimaryOptions);
                else
                    slot.Replica?.Reconfigure(silo.ReplicaOptions);
            }
        });
    }

    private static ReplicaOptions Without(ReplicaOptions replica, ReplicaCapabilities capability) =>
        replica with { Capabilities = replica.Capabilities & ~capability };
}
