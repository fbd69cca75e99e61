using System.Collections.Concurrent;
using Grid.Client.Contracts.Operator;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Silo.Copies;
using Grid.Silo.Events;
using Microsoft.Extensions.Logging;

namespace Grid.Silo.Services;

/// <summary>
/// Carries the requests for leases of all primaries of this silo to the silos of their copies, and the grants back: one
/// call at a time for each pair of silos, with everything that has gathered meanwhile, beside the replication streams.
/// </summary>
/// <remarks>
/// Thread-safe. Bounded: of one shard only the newest request waits. Whatever becomes of a call, the next one goes out: without leases the primaries of
/// this silo answer nobody.
/// </remarks>
internal sealed partial class LeaseRenewals(IGridSiloServiceClient silos, CopyHost host, Troubles troubles, ILogger<LeaseRenewals> logger)
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
            if (granted.Length != wishes.Length)
                throw new InvalidOperationException($"{granted.Length} answers came for {wishes.Length} requests");
            bool told = true;
            for (int i = 0; i < wishes.Length; i++)
                told &= !granted[i] || Tell(silo, wishes[i]);
            if (told)
                troubles.Works(Subject(silo), null, $"silo {silo} grants leases again");
        }
        catch (Exception failure) when (failure is TimeoutException or OrleansException or OperationCanceledException)
        {
            LogNotGranted(silo, wishes.Length, failure.Message);
        }
        catch (Exception failure)
        {
            OnUnexpected(silo, wishes.Length, failure);
        }
    }

    /// <summary>One primary that cannot be told keeps the grants from no other.</summary>
    private bool Tell(string silo, Wish wish)
    {
        try
        {
            wish.Granted(wish.Request, wish.Copy);
            return true;
        }
        catch (Exception failure)
        {
            OnUnexpected(silo, 1, failure);
            return false;
        }
    }

    /// <summary>Renewals come several times a second: what fails all the time is told of at its beginning and at its end.</summary>
    private void OnUnexpected(string silo, int shards, Exception failure)
    {
        if (troubles.IsFailing(Subject(silo)))
            LogNotGranted(silo, shards, failure.Message);
        else
            LogUnexpected(failure, silo, shards);
        troubles.Failed(Subject(silo), EventSeverity.Error, null, $"leases cannot be had from silo {silo}, so shards with a copy there are not served: {failure.Message}", silo);
    }

    private static string Subject(string silo) => $"leases from {silo}";

    [LoggerMessage(Level = LogLevel.Debug, Message = "Silo {Silo} granted no lease to {Shards} shards: {Reason}")]
    private partial void LogNotGranted(string silo, int shards, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Leases for {Shards} shards could not be had from silo {Silo}: a defect there or here; they are asked for again")]
    private partial void LogUnexpected(Exception failure, string silo, int shards);

    private sealed record Wish(LeaseRequest Request, CopyName Copy, Action<LeaseRequest, CopyName> Granted);

    private sealed class Line
    {
        public Dictionary<int, Wish> Waiting { get; } = [];

        public bool IsBusy { get; set; }
    }
}
