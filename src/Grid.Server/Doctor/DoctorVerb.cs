using System.CommandLine;
using Grid.Client.Contracts.Operator;
using Grid.Server.Clusters;
using Grid.Server.Configuration;
using Grid.Server.Stores;
using Grid.Server.Terminals;
using Grid.Silo;

namespace Grid.Server.Doctor;

/// <summary><c>grid doctor</c>: looks what is wrong with a configuration, its store and its cluster, and says what to change.</summary>
internal static class DoctorVerb
{
    private const int LooksMax = 4;
    private static readonly TimeSpan LookPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan StoreTime = TimeSpan.FromSeconds(5);

    public static Command Create()
    {
        LayerOptions layers = new();
        Option<string[]> gateway = new("--gateway", "-g") { Description = "A silo's client port. Default: by the configuration.", HelpName = "HOST:PORT" };
        Option<double> timeout = new("--timeout") { Description = "Seconds to wait for the cluster.", HelpName = "SECONDS", DefaultValueFactory = static _ => 5 };
        Option<bool> offline = new("--offline") { Description = "Look at the configuration and the store only, not for a running cluster." };
        Option<bool> json = new("--json") { Description = "Answer as JSON." };
        Command doctor = new("doctor", "Checks configuration, store, silos and shards, and says what to change. Exit code 1 when it finds errors, 4 when warnings.") { gateway, timeout, offline, json };
        layers.AddTo(doctor);
        timeout.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValue(timeout) is not (>= 0.1 and <= 3600))
                result.AddError("--timeout is 0.1 to 3600 seconds.");
        });
        doctor.SetAction(async (parsed, cancellation) =>
        {
            Findings findings = new();
            ServerSettings? settings = ConfigurationChecks.Check(layers.Load(parsed), findings);
            if (settings is not null)
            {
                if (await AskStoreAsync(settings.Clustering, cancellation) is { } store)
                    StoreChecks.Check(store, findings);
                if (!parsed.GetValue(offline))
                    await CheckClusterAsync(settings, parsed.GetValue(gateway) ?? [], TimeSpan.FromSeconds(parsed.GetValue(timeout)), findings, cancellation);
            }

            return Report(findings.All, parsed.GetValue(json));
        });
        return doctor;
    }

    /// <summary>The exit code for findings.</summary>
    public static int ExitCodeOf(IReadOnlyCollection<Finding> findings) => findings.Select(static finding => finding.Severity).DefaultIfEmpty(Severity.Note).Max() switch
    {
        Severity.Error => ExitCode.Failed,
        Severity.Warning => ExitCode.No,
        _ => ExitCode.Done,
    };

    private static async Task<StoreExamination?> AskStoreAsync(ClusteringSettings clustering, CancellationToken cancellation)
    {
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(StoreTime);
        try
        {
            return await StoreExamination.AskAsync(clustering, deadline.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return new StoreExamination { Name = clustering.Provider.ToString(), Problem = $"no answer within {StoreTime.TotalSeconds} s" };
        }
    }

    private static async Task CheckClusterAsync(ServerSettings settings, string[] gateways, TimeSpan timeout, Findings findings, CancellationToken cancellation)
    {
        try
        {
            await using ClusterConnection cluster = await ClusterConnection.OpenAsync(ConnectPlan.Make(settings, gateways, timeout, verbose: false), cancellation);
            ClusterStatus status = await LookAsync(cluster.Operator, cancellation);
            IReadOnlyList<SiloExamination> silos = await cluster.Operator.ExamineAsync();
            string NameOf(string silo) => SiloNames.Of(status, silo);
            ClusterChecks.Check(status, findings);
            SiloChecks.Check(silos, NameOf, findings);
            foreach (SiloExamination silo in silos.Where(static silo => silo is { Problem: null, StopGraceSeconds: > 0 }))
                CheckDrain(silo, $"{NameOf(silo.Silo)}: ", findings);
        }
        catch (CommandException unreachable) when (unreachable.ExitCode == ExitCode.Unreachable)
        {
            findings.Add(gateways.Length > 0 ? Severity.Error : Severity.Note, "cluster.unreachable", $"No cluster was looked at: {unreachable.Message}", "For a cluster that runs, name a silo with --gateway; for a configuration alone, --offline.");
            if (gateways.Length == 0)
                ConfigurationChecks.CheckPorts(settings, findings);
        }
    }

    /// <summary>The status; again, a few times, while shards have no primary: one that changes hands just now is nothing to report.</summary>
    private static async Task<ClusterStatus> LookAsync(IGridOperatorGrain grid, CancellationToken cancellation)
    {
        for (int look = 1; ; look++)
        {
            ClusterStatus status = await grid.GetStatusAsync();
            if (look == LooksMax || status.Shards.All(static shard => shard.Primary is not null))
                return status;
            await Task.Delay(LookPause, cancellation);
        }
    }

    /// <summary>The grace period of a running silo; its other settings are compared with each other and with the cluster.</summary>
    private static void CheckDrain(SiloExamination silo, string who, Findings findings)
    {
        if (!int.TryParse(silo.Settings.GetValueOrDefault(nameof(GridOptions.DrainMs)), out int drainMs))
            return;
        Findings all = new();
        ConfigurationChecks.CheckSettings(new GridOptions { DrainMs = drainMs, Replicas = 2, MinInSync = 1 }, ClusteringProvider.Redis, silo.StopGraceSeconds, who, all);
        foreach (Finding finding in all.All)
            findings.Add(finding.Severity, finding.Check, finding.What, finding.Change);
    }

    private static int Report(IReadOnlyList<Finding> findings, bool json)
    {
        int code = ExitCodeOf(findings);
        if (json)
        {
            Terminal.WriteJson(new { Findings = findings, Errors = Count(findings, Severity.Error), Warnings = Count(findings, Severity.Warning), Notes = Count(findings, Severity.Note) });
            return code;
        }

        foreach (Finding finding in findings)
        {
            Console.Out.WriteLine($"{Mark(finding.Severity)} [{finding.Check}] {finding.What}");
            Console.Out.WriteLine($"        {finding.Change}");
        }

        Console.Out.WriteLine($"{Count(findings, Severity.Error)} error(s), {Count(findings, Severity.Warning)} warning(s), {Count(findings, Severity.Note)} note(s).");
        return code;
    }

    private static string Mark(Severity severity) => severity switch
    {
        Severity.Error => "error  ",
        Severity.Warning => "warning",
        _ => "note   ",
    };

    private static int Count(IEnumerable<Finding> findings, Severity severity) => findings.Count(finding => finding.Severity == severity);
}
