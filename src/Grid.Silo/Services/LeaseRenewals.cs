using System.Collections.Concurrent;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Silo.Copies;
using Microsoft.Extensions.Logging;

namespace Grid.Silo.Services;

/// <summary>
/// Carries the requests for leases of all primaries of this silo to the silos of their copies, and the grants back: one
/// call at a time for each pair of silos, with everything that has gathered meanwhile, beside the replication streams.
/// </summary>
/// <remarks>Thread-safe. Bounded: of one shard only the newest request waits.</remarks>
internal sealed partial class LeaseRenewals(IGridSiloServiceClient silos, CopyHost host, ILogger<LeaseRenewals> logger)
{
    private readonly ConcurrentDictionary<string, Line> _lines = new(StringComparer.Ordinal);

    /// <summary>Asks a copy; <paramref name="granted"/> is called, from any thread, if it grants. What fails or is refused is asked for again by the next renewal.</summary>
    public void Ask(LeaseRequest request, CopyName copy, Action<LeaseRequest, CopyName> granted)
    {
        if (copy.Silo == host.Silo)
            return;
        Line line = _lines.GetOrAdd(copy.Silo, static _ => new Line());
        bool idle;
        lock (line.Waiting)
        {
            line.Waiting[request.Shard] = new Wish(request, copy, granted);
            idle = !line.IsBusy;
            line.IsBusy = true;
        }

        if (idle)
            _ = RunAsync(copy.Silo, line);
    }

    /// <summary>Grants what the copies of this silo can grant.</summary>
    public static bool[] Grant(CopyHost host, LeaseCall[] requests)
    {
        bool[] granted = new bool[requests.Length];
        for (int i = 0; i < requests.Length; i++)
        {
            LeaseCall request = requests[i];
            granted[i] = host.Find(request.Shard)?.Use(copy =>
                copy.Name.CopyId == request.CopyId && copy.TryGrant(request.Epoch, request.RecordVersion, request.LeaseMs, SiloClock.Now.MonotonicMs)) ?? false;
        }

        return granted;
    }

    private async Task RunAsync(string silo, Line line)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (true)
        {
            Wish[] wishes;
            lock (line.Waiting)
            {
                wishes = [.. line.Waiting.Values];
                line.Waiting.Clear();
                line.IsBusy = wishes.Length > 0;
            }

            if (wishes.Length == 0)
                return;
            await AskAsync(silo, wishes);
        }
    }

    private async Task AskAsync(string silo, Wish[] wishes)
    {
        try
        {
            LeaseCall[] calls = [.. wishes.Select(wish => new LeaseCall(wish.Request.Shard, wish.Copy.CopyId, wish.Request.Epoch, wish.Request.LeaseMs, wish.Request.RecordVersion))];
            bool[] granted = await silos.At(SiloAddress.FromParsableString(silo)).GrantAsync(calls).AsTask()
                .WaitAsync(TimeSpan.FromMilliseconds(calls.Max(static call => call.LeaseMs)));
            for (int i = 0; i < wishes.Length; i++)
            {
                if (granted[i])
                    wishes[i].Granted(wishes[i].Request, wishes[i].Copy);
            }
        }
        catch (Exception failure) when (failure is TimeoutException or OrleansException)
        {
            LogNotGranted(silo, wishes.Length, failure.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Silo {Silo} granted no lease to {Shards} shards: {Reason}")]
    private partial void LogNotGranted(string silo, int shards, string reason);

    private sealed record Wish(LeaseRequest Request, CopyName Copy, Action<LeaseRequest, CopyName> Granted);

    private sealed class Line
    {
        public Dictionary<int, Wish> Waiting { get; } = [];

        public bool IsBusy { get; set; }
    }
}
