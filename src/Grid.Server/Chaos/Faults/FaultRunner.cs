using Grid.Server.Chaos.Network;
using Grid.Server.Chaos.Processes;

namespace Grid.Server.Chaos.Faults;

/// <summary>Does what a fault says, and mends it again.</summary>
internal sealed class FaultRunner(ChaosNetwork network, ChaosCluster cluster, ClusterObserver observer)
{
    private static readonly TimeSpan StopTime = TimeSpan.FromSeconds(40);

    /// <summary>Does it, and waits for as long as it lasts.</summary>
    /// <exception cref="CommandException">A silo that was told to stop did not.</exception>
    public async Task CarryOutAsync(Fault fault, CancellationToken cancellation)
    {
        if (fault.Kind is FaultKind.Kill or FaultKind.Restart or FaultKind.Stop)
            await observer.NoteGoneAsync(ChaosCluster.NameOf(fault.Silos[0]));
        cluster.Mark($"{fault}");
        switch (fault.Kind)
        {
            case FaultKind.Kill or FaultKind.Restart:
                foreach (int silo in fault.Silos)
                    cluster.Silo(silo)?.Kill();
                break;
            case FaultKind.Stop:
                await StopAsync(fault.Silos[0]);
                break;
            case FaultKind.Freeze or FaultKind.LongFreeze:
                cluster.Silo(fault.Silos[0])?.Freeze();
                break;
            default:
                foreach ((int from, int to) in CutsOf(fault))
                    await network.CutAsync(from, to);
                break;
        }

        await Task.Delay(fault.Time, cancellation);
    }

    /// <summary>Mends what a fault did: everything passes, nobody is frozen, and who has no process gets one.</summary>
    public async Task MendAsync(Fault fault)
    {
        if (fault.Kind is FaultKind.Isolate or FaultKind.Split or FaultKind.OneWay)
        {
            foreach ((int from, int to) in CutsOf(fault))
                await network.MendAsync(from, to);
            return;
        }

        foreach (int silo in fault.Silos)
        {
            cluster.Silo(silo)?.Thaw();
            cluster.StartSilo(silo);
        }
    }

    private async Task StopAsync(int silo)
    {
        if (cluster.Silo(silo) is not { } process)
            return;
        process.Terminate();
        if (!await process.EndsWithinAsync(StopTime))
            throw new CommandException(ExitCode.Failed, $"silo-{silo} was told to stop and has not ended after {StopTime.TotalSeconds} s.");
    }

    /// <summary>The ways on which a fault lets nothing pass.</summary>
    private IEnumerable<(int From, int To)> CutsOf(Fault fault)
    {
        int[] others = [.. Enumerable.Range(0, cluster.Count).Except(fault.Silos)];
        if (fault.Kind == FaultKind.OneWay)
            return (fault.Silos.Count > 1 ? [fault.Silos[1]] : others).Select(to => (fault.Silos[0], to));
        if (fault.WithStore)
            others = [.. others, ChaosNetwork.Store];
        return fault.Silos.SelectMany(_ => others, static (one, other) => (one, other)).SelectMany(static pair => new[] { pair, (pair.other, pair.one) });
    }
}
