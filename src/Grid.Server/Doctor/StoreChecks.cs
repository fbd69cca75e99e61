using Grid.Server.Stores;

namespace Grid.Server.Doctor;

/// <summary>What the store of membership and shard records is like.</summary>
internal static class StoreChecks
{
    /// <summary>Beyond this a clock is not set by NTP.</summary>
    private const double ClockWarningMs = 1000;
    private const double ClockErrorMs = 30_000;

    public static void Check(StoreExamination store, Findings findings)
    {
        if (store.Problem is { } problem)
        {
            findings.Error("store.unreachable", $"{store.Name} (Clustering:ConnectionString) does not answer: {problem}. No silo can start, and no shard can change hands.", "Start it, correct the connection string, or open the way to it.");
            return;
        }

        if (store.IsReplica)
            findings.Error("store.replica", $"{store.Name} follows another server and takes no writes.", "Name the primary in Clustering:ConnectionString.");
        if (store.Version < store.Least)
            findings.Warn("store.version", $"{store.Name} is version {store.Version}, which its makers do not care for any more.", $"Bring it to {store.Least} or newer.");
        foreach (string warning in store.Warnings)
            findings.Warn("store.durability", warning, "What the promise of acknowledged writes rests on: src/Grid.Server/README.md, \"What keeps membership and shard records\".");
        double apart = Math.Abs(store.ClockAheadMs) - store.ClockUncertaintyMs;
        if (apart > ClockWarningMs)
            findings.Add(apart > ClockErrorMs ? Severity.Error : Severity.Warning, "store.clock", $"The clock of {store.Name} is {ClockText.Of(store.ClockAheadMs)} this machine's.", "Have both set by NTP (chrony, systemd-timesyncd): entries expire by the silos' clocks, and silos that are gone are told apart by theirs.");
    }
}

/// <summary>Differences of clocks in words.</summary>
internal static class ClockText
{
    public static string Of(double aheadMs) => $"{Math.Abs(aheadMs) / 1000:0.0} s {(aheadMs > 0 ? "ahead of" : "behind")}";
}
