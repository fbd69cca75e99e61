using Grid.Replication.Primary;
using Microsoft.Extensions.Logging;

namespace Grid.Silo.Services;

/// <summary>
/// Whether this silo is in touch with most of the others: asks each of them for a sign of life all the time, by a call that goes the way of their
/// replication. The probes of the membership say whether others are to be given up; this says whether it is this silo that may be about to be. An answer
/// counts once this silo knows of the membership what the other one did: a silo that was cut off learns so that it was given up.
/// </summary>
/// <remarks>Thread-safe. An answer is waited for as long as it would count, which is three periods: so many questions to a silo are under way at most.</remarks>
internal sealed partial class SiloGreeter(IGridSiloServiceClient silos, SiloMembership membership, IClusterMembershipService cluster, GridSettings settings, ILogger<SiloGreeter> logger) : SiloLoop
{
    private readonly SiloContacts _contacts = new();

    /// <inheritdoc/>
    protected override ILogger Logger => logger;

    /// <summary>The newest time since which more than half of the silos, this one counted, have answered.</summary>
    public long MajorityAtMs(long nowMs) => _contacts.MajorityAtMs(membership.Current.Active, membership.Local, nowMs);

    protected override async Task RunAsync(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            foreach (string silo in membership.Current.Active)
            {
                if (silo != membership.Local)
                    _ = GreetAsync(silo, stopping);
            }

            await Task.Delay(settings.Current.ReplicaTimeoutMs / 12, stopping);
        }
    }

    private async Task GreetAsync(string silo, CancellationToken stopping)
    {
        long askedAtMs = SiloClock.Now.MonotonicMs;
        try
        {
            TimeSpan patience = TimeSpan.FromMilliseconds(settings.Current.ReplicaTimeoutMs / 4);
            MembershipVersion version = await silos.At(SiloAddress.FromParsableString(silo)).GreetAsync().AsTask().WaitAsync(patience, stopping).ConfigureAwait(false);
            if (membership.Current.Version < version)
                await cluster.Refresh(version, stopping).AsTask().WaitAsync(patience, stopping).ConfigureAwait(false);
            _contacts.OnAnswer(silo, askedAtMs);
        }
        catch (Exception failure) when (failure is TimeoutException or OrleansException or OperationCanceledException)
        {
            LogNoAnswer(silo, failure.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Silo {Silo} gives no sign of life: {Reason}")]
    private partial void LogNoAnswer(string silo, string reason);
}
