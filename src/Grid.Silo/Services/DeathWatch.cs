using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;

namespace Grid.Silo.Services;

/// <summary>
/// Notices at once that the process of another silo has ended: its connections break, and its port refuses new ones, which only a machine does on
/// which nobody listens there any more. When most silos find the same, the silo is declared dead, about a second before probes would tell.
/// </summary>
/// <remarks>
/// Probes stay in charge of everything else: a silo that is frozen or cut off refuses nothing. Declaring the wrong one dead costs it its copies and
/// nobody an acknowledged write; a majority of witnesses, and two tries of each, are there so that neither a gap in a listener's life nor a firewall between
/// machines does it, nor one that cuts the cluster in two takes silos of the larger part. Thread-safe; one look at a time for each silo.
/// </remarks>
internal sealed partial class DeathWatch(SiloMembership membership, IClusterMembershipService cluster, IGridSiloServiceClient silos, ILogger<DeathWatch> logger)
{
    private const int TriesToBelieve = 2;
    private static readonly TimeSpan TryTime = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan TryPause = TimeSpan.FromMilliseconds(30);
    private static readonly TimeSpan WitnessTime = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentDictionary<string, bool> _looking = new(StringComparer.Ordinal);

    /// <summary>Has the end of every connection between silos looked into.</summary>
    public static void AddTo(IServiceCollection services) => services.Configure<SiloConnectionOptions>(static connections =>
    {
        connections.ConfigureSiloInboundConnection(Watch);
        connections.ConfigureSiloOutboundConnection(Watch);
    });

    private static void Watch(IConnectionBuilder connections)
    {
        IServiceProvider services = connections.ApplicationServices;
        connections.Use(next => async connection =>
        {
            EndPoint? remote = connection.RemoteEndPoint;
            try
            {
                await next(connection).ConfigureAwait(false);
            }
            finally
            {
                // Asked for only now: the connections come before nearly everything that it needs.
                if (remote is IPEndPoint { Address: { } address } && !services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested)
                    services.GetRequiredService<DeathWatch>().OnConnectionEnded(address);
            }
        });
    }

    /// <summary>
    /// Whether a silo refuses connections, as this one finds. One that its own address refuses as well can tell nothing: silos of one process talk without
    /// sockets, and behind some translations of addresses a machine does not reach itself.
    /// </summary>
    public static async Task<bool> IsGoneAsync(SiloAddress silo, SiloAddress own)
    {
        if (await RefusesAsync(own.Endpoint).ConfigureAwait(false))
            return false;
        for (int i = 0; i < TriesToBelieve; i++)
        {
            if (i > 0)
                await Task.Delay(TryPause).ConfigureAwait(false);
            if (!await RefusesAsync(silo.Endpoint).ConfigureAwait(false))
                return false;
        }

        return true;
    }

    /// <summary>An inbound connection comes from a port that tells nothing: all silos at its address are looked at.</summary>
    private void OnConnectionEnded(IPAddress address)
    {
        foreach (string silo in membership.Current.Alive)
        {
            SiloAddress at = SiloAddress.FromParsableString(silo);
            if (silo != membership.Local && SameAddress(at.Endpoint.Address, address) && _looking.TryAdd(silo, true))
                _ = LookAsync(silo, at);
        }
    }

    private async Task LookAsync(string silo, SiloAddress address)
    {
        try
        {
            if (await IsGoneAsync(address, SiloAddress.FromParsableString(membership.Local)).ConfigureAwait(false) && await IsWitnessedAsync(silo, address).ConfigureAwait(false) && membership.Current.Alive.Contains(silo))
            {
                LogGone(silo);
                await cluster.TryKill(address).ConfigureAwait(false);
            }
        }
        catch (Exception failure)
        {
            // Probes will tell.
            LogNotDeclared(failure, silo);
        }
        finally
        {
            _looking.TryRemove(silo, out _);
        }
    }

    /// <summary>How many silos, the one that asks counted, have to find that one of the active ones is gone: as many as probes would take.</summary>
    public static int WitnessesNeeded(int active) => Math.Min((active / 2) + 1, GridSiloExtensions.VotesForDeath);

    /// <summary>Asks the others whether they find the same. Where there is no other one, nobody can contradict.</summary>
    private async Task<bool> IsWitnessedAsync(string silo, SiloAddress address)
    {
        IReadOnlyList<string> active = membership.Current.Active;
        List<Task<bool>> asked = [.. active.Where(other => other != silo && other != membership.Local).Select(other => AskAsync(other, address))];
        if (asked.Count == 0)
            return true;
        return await AgreeAsync(asked, WitnessesNeeded(active.Count) - 1).ConfigureAwait(false);
    }

    /// <summary>Whether so many answers are yes, as soon as that is known.</summary>
    internal static async Task<bool> AgreeAsync(List<Task<bool>> answers, int missing)
    {
        while (missing > 0 && answers.Count >= missing)
        {
            Task<bool> answer = await Task.WhenAny(answers).ConfigureAwait(false);
            if (await answer.ConfigureAwait(false))
                missing--;
            answers.Remove(answer);
        }

        return missing <= 0;
    }

    private async Task<bool> AskAsync(string witness, SiloAddress address)
    {
        try
        {
            return await silos.At(SiloAddress.FromParsableString(witness)).IsGoneAsync(address).AsTask().WaitAsync(WitnessTime).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is TimeoutException or OrleansException)
        {
            LogNoWitness(witness, failure.Message);
            return false;
        }
    }

    private static async Task<bool> RefusesAsync(IPEndPoint endpoint)
    {
        using Socket socket = new(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        using CancellationTokenSource limit = new(TryTime);
        try
        {
            await socket.ConnectAsync(endpoint, limit.Token).ConfigureAwait(false);
            return false;
        }
        catch (SocketException failure)
        {
            return failure.SocketErrorCode == SocketError.ConnectionRefused;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private static bool SameAddress(IPAddress one, IPAddress other) => one.MapToIPv6().Equals(other.MapToIPv6());

    [LoggerMessage(Level = LogLevel.Warning, Message = "Silo {Silo} has ended: its connections broke and its port refuses new ones, as most other silos find too; it is declared dead")]
    private partial void LogGone(string silo);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Silo {Silo} seems to have ended, but could not be declared dead; probes will tell")]
    private partial void LogNotDeclared(Exception failure, string silo);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Silo {Witness} is no witness: {Reason}")]
    private partial void LogNoWitness(string witness, string reason);
}
